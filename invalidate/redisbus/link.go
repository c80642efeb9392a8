package redisbus

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Bounds of the pause between two attempts to subscribe.
const (
	minPause = 10 * time.Millisecond
	maxPause = time.Second
)

var (
	errSilent = errors.New("neither a message nor a pong has come")
	errDeaf   = errors.New("the messages are not those of the log, twice in a row")
	errMoved  = errors.New("the server has ended the subscription")
)

// A link keeps one subscription to a channel alive. It calls up, message and down from one goroutine.
type link struct {
	rdb          redis.UniversalClient
	channel      string
	sharded      bool       // channel is a shard channel
	parts        partitions // whose events come by this channel
	failed       chan error // holds the reason why the subscription is to be given up, if there is one
	pingInterval time.Duration
	pingTimeout  time.Duration
	up           func()                      // the subscription is in place; it may be called again before down
	message      func(payload string)        // a message came
	down         func(wasUp bool, err error) // the subscription was lost, or an attempt at it failed
}

// restart gives up the present subscription.
func (l *link) restart(cause error) {
	select {
	case l.failed <- cause:
	default:
	}
}

// run subscribes again and again until ctx is done.
func (l *link) run(ctx context.Context) {
	pause := minPause
	for {
		began := time.Now()
		wasUp, err := l.session(ctx)
		if ctx.Err() != nil {
			return
		}
		l.down(wasUp, err)
		if time.Since(began) > maxPause && wasUp {
			pause = minPause // it worked for a while; otherwise something may refuse us each time
		}
		// A random half keeps a fleet that was cut off together from coming back together.
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		pause = min(2*pause, maxPause)
	}
}

// session subscribes and receives until that fails or ctx is done. Every frame is read by the blocking Receive, for one
// with a timeout loses the part of a frame it has read. Only closing the PubSub ends it, which is what
// the watchdog does.
func (l *link) session(ctx context.Context) (wasUp bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	ps := l.rdb.Subscribe(ctx) // to no channel: it does not connect yet
	defer ps.Close()           // the watchdog may have done it, which is the only error of Close that matters
	subscribe := ps.Subscribe
	if l.sharded {
		subscribe = ps.SSubscribe
	}
	select {
	case <-l.failed: // meant the one before
	default:
	}
	if err := subscribe(ctx, l.channel); err != nil {
		cancel(nil)
		return false, err
	}

	w := &watchdog{start: time.Now()}
	var watching sync.WaitGroup
	watching.Go(func() { l.watch(ctx, cancel, ps, w) })
	defer watching.Wait()
	defer cancel(nil)
	w.wait()
	for {
		msg, err := ps.Receive(ctx)
		if cause := context.Cause(ctx); cause != nil {
			return wasUp, cause // what Receive says is a consequence
		}
		if err != nil {
			return wasUp, err
		}
		if _, pong := msg.(*redis.Pong); pong && !wasUp {
			continue // the server answers, but not what it was asked
		}
		w.rest()
		switch msg := msg.(type) {
		case *redis.Subscription:
			if strings.HasSuffix(msg.Kind, "unsubscribe") {
				return wasUp, errMoved // as the server of a slot that has moved says
			}
			// The client reconnects by itself in some cases, and this is all that shows of it.
			wasUp = true
			l.up()
		case *redis.Message:
			l.message(msg.Payload)
		}
		w.wait()
	}
}

// watch pings the server and closes ps when nothing comes back, or when ctx is done.
func (l *link) watch(ctx context.Context, cancel context.CancelCauseFunc, ps *redis.PubSub, w *watchdog) {
	defer ps.Close()
	tick := time.NewTicker(l.pingInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case cause := <-l.failed:
			cancel(cause)
			return
		case <-tick.C:
		}
		if w.silence() > l.pingTimeout {
			cancel(errSilent)
			return
		}
		ping, done := context.WithTimeout(ctx, l.pingTimeout)
		err := ps.Ping(ping)
		done()
		if err != nil {
			cancel(err)
			return
		}
	}
}

// A watchdog knows how long the receiver has been waiting for the server. The time that handlers take does not count.
type watchdog struct {
	start time.Time
	since atomic.Int64 // when the wait began, in nanoseconds after start; resting while there is none
}

const resting = -1

func (w *watchdog) wait() { w.since.Store(int64(time.Since(w.start))) }
func (w *watchdog) rest() { w.since.Store(resting) }

func (w *watchdog) silence() time.Duration {
	since := w.since.Load()
	if since == resting {
		return 0
	}
	return time.Since(w.start) - time.Duration(since)
}
