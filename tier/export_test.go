package tier

// EngineBytes is part of what a memory tier takes as the cost of an entry.
const EngineBytes = engineBytes
