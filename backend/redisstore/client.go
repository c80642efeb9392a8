package redisstore

import (
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// The traits of a client decide how it is used.
type traits struct {
	inline   bool // it cuts its sockets at the deadline of a context
	spread   bool // a command may name the keys of one node only
	replicas bool // it may read from replicas
}

func inspect(rdb redis.UniversalClient) (traits, error) {
	switch c := rdb.(type) {
	case *redis.Client:
		if c != nil {
			return traits{inline: c.Options().ContextTimeoutEnabled}, nil
		}
	case *redis.Ring:
		if c != nil {
			return traits{inline: c.Options().ContextTimeoutEnabled, spread: true}, nil
		}
	case *redis.ClusterClient:
		if c != nil {
			o := c.Options()
			return traits{
				// Whatever its options say, it asks for the table of commands without regard to the context.
				inline:   false,
				spread:   true,
				replicas: o.ReadOnly || o.RouteByLatency || o.RouteRandomly,
			}, nil
		}
	case nil:
	default:
		return traits{}, fmt.Errorf("redisstore: client is a %T, want *redis.Client, *redis.ClusterClient or *redis.Ring", rdb)
	}
	return traits{}, errors.New("redisstore: nil client")
}
