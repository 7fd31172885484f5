package registry

import (
	"encoding/binary"

	"cisterna/device/dose"
	"cisterna/device/order"
)

// Orders name sites and patients by ids of 16 bytes that say nothing about them.
// They follow from what the registry has, so that a restored database and a page
// come to the same ones; a pump believes them only under its own root.

// OrderSite returns the id of a site in orders.
func OrderSite(site int64) order.ID {
	return orderID("pump.site.v1", binary.BigEndian.AppendUint64(nil, uint64(site)))
}

// OrderPatient returns the id of a patient in orders, from the random token that
// the registry knows them by. No token has the zero id.
func OrderPatient(token string) order.ID {
	if token == "" {
		return order.ID{}
	}
	return orderID("pump.patient.v1", []byte(token))
}

func orderID(domain string, b []byte) order.ID {
	h := dose.Sum(domain, b)
	return order.ID(h[:16])
}
