// Package codec turns values into bytes and back.
//
// Values become bytes in one place of a cache: where a far tier hands them to a backend. A cache whose tiers are
// all in memory needs no codec. Most other programs take MsgPack and never look at this package again:
//
//   - MsgPack is compact and fast, and takes any Go value. Its Array form is smaller and faster still, at a price.
//   - JSON can be read by people and by programs in other languages.
//   - Gob knows Go's types best, and is the largest and slowest for small values.
//   - Raw takes bytes and strings as they are, for values that are encoded already.
//   - Compress wraps any of them and shrinks large encodings.
//
// # Writing a codec
//
// Implement the three methods of Codec, and AppendMarshal too if the encoding can be written into a buffer: callers use
// Append, which takes the shorter way where there is one. Choose a name that no other codec has, and a new one
// whenever the format changes: values that are stored under the old name are then loaded again instead of being
// misread. Do not keep the slices that are passed in, and expect any bytes in Unmarshal: a backend may be shared,
// truncated or older than the program. Then run the tests of package codectest against it.
package codec
