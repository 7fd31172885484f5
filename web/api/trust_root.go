package api

import (
	"context"
	"net/http"
	"time"
)

// TrustRoot is the root of an installation.
type TrustRoot struct {
	Document  string `json:"document" doc:"Signed, base64url."`
	SHA256    string `json:"sha256" doc:"Of the document, hexadecimal, as the ceremony card has it."`
	Version   Digits `json:"version"`
	Name      string `json:"name"`
	Demo      bool   `json:"demo"`
	ExpiresAt Time   `json:"expires_at"`
}

func (a *API) root() TrustRoot {
	m := a.Keysets.Material
	return TrustRoot{
		Document: b64.EncodeToString(m.RootDoc), SHA256: m.RootHashText(), Version: digits(int64(m.Root.Version)), Name: m.Root.Name, Demo: m.Root.Demo,
		ExpiresAt: Time(time.Unix(m.Root.Expires, 0)),
	}
}

func (a *API) roots() {
	handle(a, op{
		id: "get-root", method: http.MethodGet, path: "/root", tag: "trust", summary: "The root: who may sign keysets and libraries",
		describe: "Compare its SHA-256 with the ceremony card, and keep it: with a root that is known from elsewhere, keysets and libraries are checked without believing this server.",
	},
		func(context.Context, Caller, *struct{}) (*struct{ Body TrustRoot }, error) {
			return &struct{ Body TrustRoot }{a.root()}, nil
		})
}
