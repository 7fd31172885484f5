package main

import (
	"errors"
	"os"
	"strings"
	"time"

	"cisterna/internal/oidc"
)

// oidcFlags name the OpenID provider of the organisation.
type oidcFlags struct {
	OIDCIssuer string        `help:"OpenID provider that people may sign in at, exactly as it names itself." env:"CISTERNA_OIDC_ISSUER" placeholder:"URL"`
	OIDCClient string        `help:"What the provider calls this server." env:"CISTERNA_OIDC_CLIENT" placeholder:"ID"`
	OIDCSecret string        `help:"File with the secret that this server shows the provider; none for a public client." env:"CISTERNA_OIDC_SECRET" placeholder:"FILE"`
	OIDCName   string        `help:"What people call the provider, for the button." env:"CISTERNA_OIDC_NAME" placeholder:"NAME"`
	OIDCACR    []string      `help:"An authentication context (acr) that is enough; the first is asked for. May be given several times." env:"CISTERNA_OIDC_ACR" placeholder:"ACR"`
	OIDCMaxAge time.Duration `help:"How long ago people may have signed in at the provider; 0 leaves it to the provider." default:"0" env:"CISTERNA_OIDC_MAX_AGE"`
}

// validOIDC refuses what cannot work, by the name of the setting.
func (c *oidcFlags) validOIDC() error {
	if (c.OIDCIssuer == "") != (c.OIDCClient == "") {
		return errors.New("--oidc-issuer and --oidc-client belong together: one of them is missing")
	}
	if c.OIDCMaxAge < 0 {
		return fieldError("oidc-max-age", c.OIDCMaxAge.String(), errors.New("want 0 or more"))
	}
	return nil
}

// provider returns how people sign in at their organisation, nil if they do not.
func (c *oidcFlags) provider() (*oidc.Config, error) {
	if c.OIDCIssuer == "" {
		return nil, nil
	}
	p := &oidc.Config{Issuer: c.OIDCIssuer, ClientID: c.OIDCClient, Name: c.OIDCName, ACR: c.OIDCACR, MaxAge: c.OIDCMaxAge, Redirect: "later"}
	if c.OIDCSecret != "" {
		b, err := os.ReadFile(c.OIDCSecret)
		if err != nil {
			return nil, fieldError("oidc-secret", c.OIDCSecret, err)
		}
		p.Secret = strings.TrimSpace(string(b))
	}
	if _, err := oidc.New(*p); err != nil {
		return nil, fieldError("oidc-issuer", c.OIDCIssuer, err)
	}
	return p, nil
}
