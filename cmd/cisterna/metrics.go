package main

import (
	"reflect"
	"strings"
	"sync/atomic"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
)

// counters shows a struct of atomic counters as metrics: an atomic.Uint64 field
// Received of prefix cisterna_link becomes cisterna_link_received_total, an
// atomic.Int64 field Sessions becomes the gauge cisterna_link_sessions.
type counters struct {
	prefix string
	stats  any // pointer to the struct
}

// Describe implements prometheus.Collector.
func (c counters) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c counters) Collect(ch chan<- prometheus.Metric) {
	v := reflect.ValueOf(c.stats).Elem()
	for i := range v.NumField() {
		name := c.prefix + "_" + snake(v.Type().Field(i).Name)
		help := "See " + v.Type().PkgPath() + ".Stats."
		switch f := v.Field(i).Addr().Interface().(type) {
		case *atomic.Uint64:
			ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(name+"_total", help, nil, nil), prometheus.CounterValue, float64(f.Load()))
		case *atomic.Int64:
			ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, float64(f.Load()))
		}
	}
}

func snake(s string) string {
	var b strings.Builder
	for i, r := range s {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
