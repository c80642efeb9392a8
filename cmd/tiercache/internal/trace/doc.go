// Package trace reads recorded requests to a cache, in the formats in which research papers publish them.
//
// A trace is a text file, perhaps compressed with gzip:
//
//	arc    lines of four numbers, "start count ignored sequence": one request for each of count blocks from start on.
//	       N. Megiddo and D. S. Modha, ARC: A Self-Tuning, Low Overhead Replacement Cache, FAST 2003.
//	lirs   lines of one block number; a "*" on a line of its own separates parts and is skipped.
//	       S. Jiang and X. Zhang, LIRS: An Efficient Low Inter-reference Recency Set Replacement Policy, SIGMETRICS 2002.
//	plain  lines of one key, which may be any text.
//
// Empty lines are skipped in all of them.
package trace
