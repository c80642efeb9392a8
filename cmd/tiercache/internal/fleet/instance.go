package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/invalidate/redisbus"
	"github.com/tiercache/tiercache/tier"
	"github.com/tiercache/tiercache/tier/ottertier"
)

// An instance is one cache with its own near tier, Redis client and bus, as a process has them.
type instance[V any] struct {
	number int
	run    *run
	kind   kind[V]
	cache  *tiercache.Cache[V]
	rdb    *redis.Client // nil if nothing of the fleet is in Redis
	bus    *trackedBus   // nil without rdb
}

// openInstance makes an instance. It does not wait for its subscription; see ready.
func openInstance[V any](r *run, number int, k kind[V]) (*instance[V], error) {
	i := &instance[V]{number: number, run: r, kind: k}
	tiers, err := i.connect()
	if err == nil {
		i.cache, err = tiercache.New(tiercache.Config[V]{
			Name:  r.name,
			Tiers: tiers,
			Bus:   i.busOrNil(),
			Profile: tiercache.Profile{
				TTL:         r.cfg.TTL,
				LoadTimeout: r.cfg.LoadTime + 30*time.Second,
				LeaseFor:    r.cfg.LoadTime + 10*time.Second,
			},
			Observer: tiercache.Observer{Error: r.errors.note},
		})
	}
	if err != nil {
		i.disconnect()
		return nil, fmt.Errorf("instance %d: %w", number, err)
	}
	return i, nil
}

// connect makes the client and the bus, if there is a Redis, and the tiers.
func (i *instance[V]) connect() ([]tier.Tier[V], error) {
	cfg := i.run.cfg
	tiers := []tier.Tier[V]{nearTier[V](cfg)}
	if i.run.redis == nil {
		return tiers, nil
	}
	i.rdb = redis.NewClient(clientOptions(*i.run.redis, cfg.Concurrency))
	newBus := cfg.Bus
	if newBus == nil {
		newBus = i.redisBus
	}
	bus, err := newBus(i.rdb)
	if err != nil {
		return nil, err
	}
	i.bus = newTrackedBus(bus, i.number, i.run.deliveries)
	if !cfg.Far {
		return tiers, nil
	}
	store, err := redisstore.New(i.rdb, redisstore.Config{Timeout: cfg.Timeout})
	if err != nil {
		return nil, err
	}
	far, err := newFarProbe(tier.Remote[V](store, cfg.Codec))
	if err != nil {
		return nil, err
	}
	return append(tiers, far), nil
}

// redisBus returns a bus on a channel that nobody but this run uses.
func (i *instance[V]) redisBus(rdb redis.UniversalClient) (invalidate.Bus, error) {
	timeout := i.run.cfg.Timeout
	return redisbus.New(rdb, redisbus.Config{
		Channel:      i.run.name,
		Timeout:      timeout,
		PingInterval: max(time.Second, timeout), // three without an answer end the subscription
		OnError:      i.run.errors.note,
	})
}

// busOrNil avoids an interface that holds a nil pointer.
func (i *instance[V]) busOrNil() invalidate.Bus {
	if i.bus == nil {
		return nil
	}
	return i.bus
}

func nearTier[V any](cfg Config) tier.Tier[V] {
	if cfg.Engine == Otter {
		return ottertier.New[V](ottertier.Config{MaxEntries: cfg.Memory})
	}
	return tier.Memory[V](tier.MemoryConfig{MaxEntries: cfg.Memory})
}

// ready waits until the instance hears of the writes of others.
func (i *instance[V]) ready(ctx context.Context) error {
	if i.bus == nil {
		return nil
	}
	select {
	case <-i.bus.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("instance %d: the bus is not subscribed: %w", i.number, ctx.Err())
	}
}

// load is the Loader: it takes the time of a source. It reads before that time passes, so that the value is as old as it can be when
// it arrives.
func (i *instance[V]) load(ctx context.Context, key int) (v V, err error) {
	version := i.run.ledger.version(key)
	if d := i.run.cfg.LoadTime; d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-i.run.end:
			i.run.unfinished.Add(1)
			return v, errEnded
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
	i.run.ledger.loaded(key, version)
	return i.kind.make(version), nil
}

// errEnded is the error of loads that are under way when the run ends. They and those who wait for them do not count.
var errEnded = errors.New("the run has ended")

// errHung is the error of calls that are under way long after that. They count, as errors.
var errHung = fmt.Errorf("no answer within %v of the end of the run", patience)

// write changes the source and tells the cache.
func (i *instance[V]) write(ctx context.Context, r *request) error {
	key := r.key
	began := tier.Now()
	r.write = i.run.deliveries.begin(i.number, began)
	name := i.run.keys[key]
	var version uint64
	var err error
	if i.run.cfg.WriteOp == Set {
		// Of two writers that set one key, the one with the older value may be the last to set it, whatever the cache
		// does. Programs take a lock of the database over both steps; this is it.
		a := &i.run.ledger.keys[key]
		a.writing.Lock()
		defer a.writing.Unlock()
		version = i.run.ledger.write(key)
		err = i.cache.Set(ctx, name, i.kind.make(version))
	} else {
		version = i.run.ledger.write(key)
		err = i.cache.Delete(ctx, name)
	}
	if err != nil {
		i.run.deliveries.fail(r.write)
		return err
	}
	at := tier.Now()
	i.run.ledger.ack(key, version, at)
	i.run.deliveries.ack(r.write, at)
	return nil
}

func (i *instance[V]) stats() tiercache.Stats { return i.cache.Stats() }

func (i *instance[V]) close() error {
	return errors.Join(i.cache.Close(), i.disconnect())
}

func (i *instance[V]) disconnect() error {
	if i.rdb == nil {
		return nil
	}
	return i.rdb.Close()
}

// A session is what one worker uses of an instance.
type session[V any] struct {
	instance *instance[V]
	ctx      context.Context // carries request
	request  *request
	loader   tiercache.Loader[V] // made once: a closure for every read would cost more than a hit
	missed   []tiercache.CallOption
}

func (i *instance[V]) session() caller {
	s := &session[V]{instance: i}
	s.renew()
	return s
}

// renew leaves the request to a flight that may go on after its callers were told of an error.
func (s *session[V]) renew() {
	r := new(request)
	s.request = r
	s.ctx = withRequest(s.instance.run.calls, r)
	s.loader = func(ctx context.Context, _ string) (V, error) {
		r.loaded = true
		return s.instance.load(ctx, r.key)
	}
	// A hit of the nearest tier needs no profile, so options tell when there is none.
	s.missed = []tiercache.CallOption{func(p tiercache.Profile) tiercache.Profile {
		r.missed = true
		return p
	}}
}

func (s *session[V]) read(key int) (version uint64, from answer, err error) {
	*s.request = request{key: key}
	v, err := s.instance.cache.GetOrLoad(s.ctx, s.instance.run.keys[key], s.loader, s.missed...)
	if err != nil {
		s.renew()
		return 0, 0, err
	}
	version, err = s.instance.kind.version(v)
	return version, s.request.answer(), err
}

func (s *session[V]) write(key int) error {
	*s.request = request{key: key}
	err := s.instance.write(s.ctx, s.request)
	if err != nil {
		s.renew()
	}
	return err
}
