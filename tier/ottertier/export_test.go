package ottertier

// EngineBytes is part of what the tier takes as the cost of an entry.
const EngineBytes = engineBytes
