package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Certs holds the CA and the server certificate in use. The simulator's own
// certificate is a CA used as an end entity, which rustls refuses.
type Certs struct {
	dir   string
	mu    sync.Mutex
	names []string
	ca    *x509.Certificate
	caKey *ecdsa.PrivateKey
	leaf  *tls.Certificate
}

func newCerts(dir string, names []string) (*Certs, error) {
	c := &Certs{dir: dir, names: names}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return c, c.Renew(true, nil)
}

// CAFile is the path of the CA certificate.
func (c *Certs) CAFile() string { return filepath.Join(c.dir, "ca.pem") }

// Current is the certificate for a new connection.
func (c *Certs) Current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leaf, nil
}

// Thumbprints are the fingerprints of the server certificate as vSphere
// configuration files spell them.
func (c *Certs) Thumbprints() (sha1Hex, sha256Hex string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one, two := sha1.Sum(c.leaf.Certificate[0]), sha256.Sum256(c.leaf.Certificate[0])
	return colons(one[:]), colons(two[:])
}

func colons(b []byte) string {
	out := make([]string, len(b))
	for i, x := range b {
		out[i] = fmt.Sprintf("%02X", x)
	}
	return strings.Join(out, ":")
}

// Renew issues a new server certificate, from a new CA if asked. Names, when
// given, replace the default ones entirely, so that a test can present a
// certificate of another host.
func (c *Certs) Renew(newCA bool, names []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if newCA {
		if err := c.renewCA(); err != nil {
			return err
		}
	}
	all := names
	if len(all) == 0 {
		all = append([]string{"localhost", "127.0.0.1", "::1"}, c.names...)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := template("vcsim "+all[0], 1)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	t.BasicConstraintsValid = true
	for _, n := range all {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, c.ca, &key.PublicKey, c.caKey)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	c.leaf = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	for name, block := range map[string]*pem.Block{
		"ca.pem":   {Type: "CERTIFICATE", Bytes: c.ca.Raw},
		"leaf.pem": {Type: "CERTIFICATE", Bytes: der},
		"leaf.key": {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		if err := os.WriteFile(filepath.Join(c.dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (c *Certs) renewCA() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := template(fmt.Sprintf("vcsim CA %d", time.Now().UnixNano()), 10)
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	c.caKey = key
	c.ca, err = x509.ParseCertificate(der)
	return err
}

func template(name string, years int) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: name, Organization: []string{"vsphere-cloud testbed"}},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(years, 0, 0),
	}
}
