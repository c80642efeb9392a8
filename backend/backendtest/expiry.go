package backendtest

import "time"

var expiryCases = []testCase{
	{name: "ValuesExpire", run: func(s *subject) {
		s.set(s.key("short"), "v", short)
		s.set(s.key("long"), "v", long)
		if s.advance != nil { // by a clock that nobody holds still, it may expire before we look
			s.pass(short / 2)
			s.wantValue(s.key("short"), "v")
		}
		s.pass(short)
		s.wantAbsent(s.key("short"))
		s.wantValue(s.key("long"), "v")
	}},
	{name: "ZeroTTLKeeps", run: func(s *subject) {
		s.set(s.key("k"), "v", 0)
		s.pass(short)
		s.wantValue(s.key("k"), "v")
		s.delete(s.key("k"))
		s.wantAbsent(s.key("k"))
	}},
	{name: "NegativeTTLIsAnError", run: func(s *subject) {
		key := s.key("k")
		s.set(key, "before", long)
		for _, ttl := range []time.Duration{-1, -time.Hour} {
			if err := s.b.Set(s.Context(), key, []byte("after"), ttl); err == nil {
				s.Errorf("Set with ttl %v = nil, want an error", ttl)
			}
		}
		s.wantValue(key, "before")
	}},
	{name: "TinyTTLIsNotForEver", run: func(s *subject) {
		for _, ttl := range []time.Duration{1, time.Microsecond, 999 * time.Microsecond} {
			key := s.key(ttl.String())
			s.set(key, "v", ttl)
			s.pass(10 * time.Millisecond)
			s.wantAbsent(key)
		}
	}},
	{name: "HugeTTLIsNotTheEnd", run: func(s *subject) {
		for _, ttl := range []time.Duration{100 * 365 * 24 * time.Hour, 1<<63 - 1} {
			s.set(s.key(ttl.String()), "v", ttl)
			s.pass(short)
			s.wantValue(s.key(ttl.String()), "v")
		}
	}},
	{name: "SetReplacesTheTTL", run: func(s *subject) {
		s.set(s.key("longer"), "1", short)
		s.set(s.key("longer"), "2", long)
		s.set(s.key("kept"), "1", short)
		s.set(s.key("kept"), "2", 0)
		s.set(s.key("shorter"), "1", long)
		s.set(s.key("shorter"), "2", short)
		s.set(s.key("ended"), "1", 0)
		s.set(s.key("ended"), "2", short)
		s.pass(2 * short)
		s.wantValue(s.key("longer"), "2")
		s.wantValue(s.key("kept"), "2")
		s.wantAbsent(s.key("shorter"))
		s.wantAbsent(s.key("ended"))
	}},
	{name: "AnExpiredKeyCanBeSetAgain", run: func(s *subject) {
		s.set(s.key("k"), "1", short)
		s.pass(2 * short)
		s.set(s.key("k"), "2", long)
		s.wantValue(s.key("k"), "2")
	}},
}
