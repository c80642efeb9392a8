// Package linear checks histories of one cache: many goroutines read, load and write a few keys at the same time, and the checker
// Porcupine looks for an order of the calls, each between its beginning and its end, that the contract of the cache allows.
package linear
