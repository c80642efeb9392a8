// Package tier has the levels of a cache: the memory of this process, and stores that processes share.
//
// Most programs use Memory and Remote, and nothing else of this package:
//
//	Tiers: []tier.Tier[User]{
//		tier.Memory[User](tier.MemoryConfig{MaxBytes: 64 << 20}),
//		tier.Remote[User](store, codec.MsgPack{}), // store, err := redisstore.New(rdb, redisstore.Config{})
//	},
//
// The package ottertier has another engine for the memory of this process.
//
// An implementor writes the three methods of Tier besides Name, and calls tiertest.Test to find out whether they keep the contract. The optional
// powers are interfaces of one method: Opener and Closer for a tier that holds resources, Clearer, Expirer and Leaser for
// one that is shared.
package tier
