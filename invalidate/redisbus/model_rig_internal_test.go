package redisbus

import (
	"slices"
	"time"

	"github.com/tiercache/tiercache/internal/chain"
	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/internal/fence"
	"github.com/tiercache/tiercache/invalidate"
)

const (
	aTick    = time.Millisecond
	theKey   = "k"
	theCache = "c"
)

var thePart = invalidate.Partition(theCache, theKey)

// A rig puts an instance of the model into a real hub and a real fence, and reads out what has become of it. It is used for one
// state after the other. Counters and clocks only grow, but all that matters of them are differences, which is what the
// model keeps: so a rig moves on to a time at which nothing from before is of effect.
type rig struct {
	model  *model
	hub    *hub
	member *member
	acked  acks
	fence  fence.Fence
	now    clock.Instant
	ref    fence.Stamp // what is current

	in           *instance
	near, flight fence.Stamp
	toldBack     bool
}

func newRig(m *model) *rig {
	r := &rig{model: m, hub: &hub{
		count: new(counters),
		kick:  make(chan struct{}, 1),
		moved: make(chan struct{}, 1),
	}}
	r.hub.subscribed(allPartitions)
	r.member = &member{Handler: (*rigHandler)(r)}
	r.fence.Init(bound * aTick)
	return r
}

// load makes r the instance in. withLog says that the log matters; it is large.
func (r *rig) load(in *instance, withLog bool) {
	r.in, r.toldBack = in, false
	r.now = r.now.Add(100 * bound * aTick)
	if in.until >= 0 {
		r.fence.Confirm(thePart, r.now.Add(time.Duration(in.until)*aTick))
	}
	r.refer()
	r.near, r.flight = r.stamp(in.stamp), r.stamp(in.flight.stamp)
	if !withLog {
		return
	}
	r.hub.repair = r.model.replay
	r.hub.logs[thePart] = *r.model.logs[in.log]
	r.hub.logs[thePart].ahead = slices.Clone(r.hub.logs[thePart].ahead)
	r.acked.heads[thePart] = in.acked.real()
	r.hub.members, r.member.ready = nil, 0
	if in.joined {
		r.hub.members, r.member.ready = []*member{r.member}, allPartitions
	}
}

// save is the inverse of load. An entry that is dead stays so, and is forgotten.
func (r *rig) save(withLog bool) {
	in := r.in
	r.refer()
	in.until = int8(max(r.fence.ConfirmedUntil(thePart).Sub(r.now)/aTick, -1))
	if !r.fence.Current(&r.near) {
		in.kept = false
	}
	in.stamp, in.flight.stamp = snap{}, snap{}
	if in.kept {
		in.stamp = r.snap(r.near)
	} else {
		in.version = 0
	}
	if in.flight.phase != grounded {
		in.flight.stamp = r.snap(r.flight)
	} else {
		in.flight = flight{}
	}
	if withLog {
		in.log = r.model.intern(&r.hub.logs[thePart])
		in.acked = headOf(r.acked.heads[thePart])
	}
}

// take takes a stamp, at the time of the model.
func (r *rig) take() fence.Stamp {
	s := r.fence.Stamp(theKey, thePart)
	s.AsOf = r.now
	return s
}

func (r *rig) refer() { r.ref = r.fence.Stamp(theKey, thePart) }

func (r *rig) stamp(s snap) fence.Stamp {
	f := r.ref
	f.AsOf = r.now.Add(-time.Duration(s.age) * aTick)
	if s.bumped {
		f.Sum--
	}
	if s.dropped {
		f.Sum--
		f.Epoch--
	}
	return f
}

func (r *rig) snap(f fence.Stamp) snap {
	return snap{
		bumped:  r.fence.Bumped(&f),
		dropped: f.Epoch != r.ref.Epoch,
		age:     min(int8(r.now.Sub(f.AsOf)/aTick), old),
	}
}

// serves reports whether the entry in the near tier would be a hit.
func (r *rig) serves() bool {
	return r.in.kept && r.fence.Current(&r.near) && r.fence.Trusted(&r.near, r.now)
}

// joinable reports whether a reader that comes now would share the flight and is given what it has read already.
func (r *rig) joinable() bool {
	return (r.in.flight.phase == found || r.in.flight.phase == loaded) &&
		r.fence.Current(&r.flight) && r.fence.Trusted(&r.flight, r.now)
}

// A rigHandler does what a cache does.
type rigHandler rig

func (r *rigHandler) Apply(e invalidate.Event) {
	if e.Origin == origins[r.in.origin] {
		return
	}
	r.fence.Bump(theKey, thePart)
}

func (r *rigHandler) Drop(part int) {
	if !r.model.seeds.has(adoptionWithoutDrop) {
		r.fence.Drop(part)
	}
}

func (r *rigHandler) Confirm(part int, until time.Time) { r.fence.Confirm(part, clock.At(until)) }

func (r *rigHandler) RolledBack() { r.toldBack = true }

var origins = []string{"0", "1", "0 after a failure", "1 after a failure", "0 after two", "1 after two"}

// received is what can be told of a log that is followed.
type received struct {
	head    head
	entries [ids + 1]uint8 // nonce by number
	ahead   [ids]uint8     // nonces of what came after a gap
}

// intern returns the index of a log that is like this one.
func (m *model) intern(log *followed) int32 {
	like := received{head: headOf(log.Head())}
	for n, l := range log.ahead {
		like.ahead[n] = uint8(l.Nonce)
	}
	for n := range like.entries {
		for _, x := range nonces {
			if log.Compare(chain.Head{}, chain.Head{Epoch: uint64(like.head.epoch), Number: uint64(n), Nonce: uint64(x)}) == chain.Known {
				like.entries[n] = x
			}
		}
	}
	i, ok := m.known[like]
	if !ok {
		i = int32(len(m.logs))
		kept := followed{Chain: log.Chain, ahead: slices.Clone(log.ahead)}
		m.logs, m.known[like] = append(m.logs, &kept), i
	}
	return i
}

// Nonces of logs without entries are their epochs; those of entries are their indices.
const (
	firstEpoch  = 10
	secondEpoch = 11
	byNumber    = 20 // added to numbers where they are taken for nonces
)

var nonces = func() (all []uint8) {
	for n := range uint8(ids + 1) {
		all = append(all, n, byNumber+n)
	}
	return append(all, firstEpoch, secondEpoch)
}()
