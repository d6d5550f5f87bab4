package assay

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// Reach is how a suite is reached. What is not given is found as the command line finds it.
type Reach struct {
	// Address of the suite's controller, `host:port`. Empty: of the one suite of this user that runs on this host.
	Address string
	// Token. Empty: as TokenFile has it, else $ASSAY_TOKEN, else the file that `assay serve` wrote on this host, if any.
	Token     string
	TokenFile string
	// CAFile is the PEM of the authority of the suite's certificates. With this, CertFile or TLS it is spoken to by TLS.
	CAFile   string
	CertFile string
	KeyFile  string
	// ServerName that the suite's certificate has, if it is not the address dialled.
	ServerName string
	TLS        bool
	// AllowPlaintext permits that the token goes in clear to another host, which is refused otherwise.
	AllowPlaintext bool
}

// listed is a suite of this user as its file has it.
type listed struct {
	Address, Token, TokenFile, TLSCa string
	IsTLS                            bool
	Process                          struct {
		Host, StartTicks string
		Pid              int
	}
}

func (r *Reach) find() error {
	if r.Address == "" {
		suite, err := findSuite()
		if err != nil {
			return err
		}
		r.Address, r.TLS = suite.Address, r.TLS || suite.IsTLS
		r.CAFile = cmp.Or(r.CAFile, suite.TLSCa)
		if r.Token == "" && r.TokenFile == "" {
			r.Token, r.TokenFile = suite.Token, suite.TokenFile
		}
	}
	own := filepath.Join(ownFolder(), "token")
	if r.Token == "" && r.TokenFile == "" {
		r.Token = os.Getenv("ASSAY_TOKEN")
	}
	text, err := []byte(r.Token), error(nil)
	if r.Token == "" && r.TokenFile != "" {
		text, err = os.ReadFile(r.TokenFile)
	} else if _, missing := os.Stat(own); r.Token == "" && missing == nil {
		text, err = readOwn(own)
	}
	r.Token = strings.TrimSpace(string(text))
	return invalid(err)
}

func findSuite() (*listed, error) {
	paths, _ := filepath.Glob(filepath.Join(ownFolder(), "suites", "*.json"))
	host, _ := os.Hostname()
	var suites []*listed
	var addresses []string
	for _, path := range paths {
		text, err := readOwn(path)
		suite := &listed{}
		if err != nil || json.Unmarshal(text, suite) != nil {
			return nil, invalid(fmt.Errorf("the suite in %s cannot be read: %w", path, err))
		}
		// A file whose process is gone is of no suite.
		if suite.Process.Host == host && suite.Process.StartTicks == startTicks(suite.Process.Pid) {
			suites, addresses = append(suites, suite), append(addresses, suite.Address)
		}
	}
	switch len(suites) {
	case 0:
		return nil, &Error{Code: "not_found", Message: fmt.Sprintf("no suite of yours runs on this host (looked in %s)", ownFolder())}
	case 1:
		return suites[0], nil
	}
	names := strings.Join(addresses, ", ")
	return nil, &Error{Code: "failed_precondition", Message: fmt.Sprintf("%d suites run on this host, name one of them: %s", len(suites), names)}
}

func (r *Reach) dial(address string) (*grpc.ClientConn, error) {
	transport, err := r.credentials()
	if err != nil {
		return nil, invalid(err)
	}
	host, _, _ := net.SplitHostPort(address)
	isHere := host == "localhost" || net.ParseIP(host).IsLoopback()
	if isPlain := transport.Info().SecurityProtocol == "insecure"; isPlain && r.Token != "" && !isHere && !r.AllowPlaintext {
		message := fmt.Sprintf("sending a token to %s in clear: it is another host, use TLS", address)
		return nil, &Error{Code: "failed_precondition", Message: message}
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithNoProxy(),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16 << 20)),
		grpc.WithUnaryInterceptor(askWithErrors),
		grpc.WithStreamInterceptor(openWithErrors),
	}
	if r.Token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(r.Token)))
	}
	return grpc.NewClient("passthrough:///"+address, options...)
}

func (r *Reach) credentials() (credentials.TransportCredentials, error) {
	if !r.TLS && r.CAFile == "" && r.CertFile == "" {
		return insecure.NewCredentials(), nil
	}
	config := &tls.Config{ServerName: r.ServerName}
	if r.CAFile != "" {
		pem, err := os.ReadFile(r.CAFile)
		if config.RootCAs = x509.NewCertPool(); err != nil || !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the authority in %s cannot be read: %w", r.CAFile, err)
		}
	}
	if r.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(r.CertFile, r.KeyFile)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return credentials.NewTLS(config), nil
}

// bearer is sent in clear, too: on loopback that is the rule.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (b bearer) RequireTransportSecurity() bool { return false }

func ownFolder() string {
	home, _ := os.UserHomeDir()
	return filepath.Join(cmp.Or(os.Getenv("XDG_RUNTIME_DIR"), filepath.Join(home, ".cache")), "assay")
}

// startTicks tells a process from one that has its id later; empty: there is none.
func startTicks(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// What stands before the last parenthesis is a name that may hold anything.
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))[19]
}

func readOwn(path string) ([]byte, error) {
	if about, err := os.Stat(path); err != nil || about.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s is open to others: chmod 600 it", path)
	}
	return os.ReadFile(path)
}

func invalid(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: "invalid_argument", Message: err.Error()}
}
