package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cisterna/device/order"
	"cisterna/fleet/keyset"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// demoSigners gives everybody in the demo who signs orders a key in a file, so that
// scripts can sign, and signs a keyset of all keys for this start's address.
// Browsers make keys of their own besides.
func demoSigners(ctx context.Context, a *App, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, p := range demoPeople {
		account, err := a.People.AccountByLogin(ctx, p.Login)
		if errs.KindOf(err) == errs.NotFound {
			continue // a demo that was stopped before its people were there
		}
		if err != nil {
			return err
		}
		roles, err := a.Registry.Roles(ctx, account.ID)
		if err != nil {
			return err
		}
		if !signs(roles) {
			continue
		}
		key, err := demoKey(filepath.Join(dir, p.Login+".key"))
		if err != nil {
			return err
		}
		_, err = a.Keysets.AddKey(ctx, account.Actor(roles), keyset.NewKey{Public: &key.PublicKey, RPID: "localhost", Label: "file of the demo", Software: true})
		if err != nil && errs.KindOf(err) != errs.Conflict { // it is there from an earlier start
			return fmt.Errorf("signing key of %s: %w", p.Login, err)
		}
	}
	_, err := a.Keysets.Draft(ctx, auth.System("demo"), "the demo has started")
	return err
}

func signs(roles map[int64][]auth.Role) bool {
	for site := range roles {
		if len(keyset.Signing(roles, site)) > 0 {
			return true
		}
	}
	return false
}

// demoKey reads a key for signatures from a file, which it makes if it is not there.
func demoKey(path string) (*ecdsa.PrivateKey, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			return nil, err
		}
		return k, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key", path)
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	ec, ok := k.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds another kind of key", path)
	}
	return ec, nil
}

// demoPatient makes the patient that a demo's pump is in, once, and returns the
// token by which orders name them.
func demoPatient(ctx context.Context, a *App, pump registry.Pump, i int) (order.ID, error) {
	pt, bound, err := a.Registry.BoundPatient(ctx, pump.ID)
	if err != nil || bound {
		return registry.OrderPatient(pt.Token), err
	}
	system := auth.System("demo")
	if pt, err = a.Registry.CreatePatient(ctx, system, pump.Site); err != nil {
		return order.ID{}, err
	}
	group := []order.Group{order.GroupNonCancer, order.GroupCancer, order.GroupSpinal, order.GroupCerebral}[i%4]
	groups := []string{group.String()}
	if group == order.GroupNonCancer || group == order.GroupCancer {
		groups = append(groups, order.GroupSpinal.String()) // what is in the pump decides which one counts
	} else {
		groups = append(groups, order.GroupNonCancer.String())
	}
	if _, err = a.Registry.SetGroups(ctx, system, pt.ID, groups); err != nil {
		return order.ID{}, err
	}
	pt, err = a.Registry.Bind(ctx, system, pt.ID, pump.ID, "implanted before the demo began")
	return registry.OrderPatient(pt.Token), err
}
