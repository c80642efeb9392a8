// Package redistest starts Redis for tests: real redis-server processes on the loopback interface, alone, as a
// cluster or behind a sentinel, and the in-process stand-in miniredis.
//
// Every server lives in a temporary directory, keeps nothing on disk that outlives the test, and ends
// with the test, on Linux even when the test binary is killed. A test that needs a real server is skipped on a
// machine without one, unless the environment variable TIERCACHE_REQUIRE_REDIS is set, as it should be in CI.
//
// All functions and methods fail the test on an error, so they belong in the goroutine that runs it.
package redistest
