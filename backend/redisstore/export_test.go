package redisstore

// Waiting returns the number of reads in the queue.
func (s *Store) Waiting() int {
	s.reads.mu.Lock()
	defer s.reads.mu.Unlock()
	return len(s.reads.queue)
}
