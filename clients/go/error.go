package assay

import (
	"context"
	"errors"
	"io"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// Error is what every failed call returns.
type Error struct {
	// Code is gRPC's name of it in lower case: `invalid_argument`.
	Code string
	// Message for people.
	Message string
	// Reason is an UPPER_SNAKE word for programs.
	Reason string
	// Metadata has the message's dynamic parts, for programs.
	Metadata map[string]string
	// Violations are the fields of the request that are wrong.
	Violations []*errdetails.BadRequest_FieldViolation
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func isEnd(err error) bool { return errors.Is(err, io.EOF) }

func errorOf(err error) error {
	if err == nil || isEnd(err) {
		return err
	}
	of := status.Convert(err)
	name := strings.ToLower(code.Code(of.Code()).String())
	made := &Error{Code: name, Message: of.Message(), Reason: strings.ToUpper(name)}
	for _, detail := range of.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			made.Reason, made.Metadata = detail.Reason, detail.Metadata
		case *errdetails.BadRequest:
			made.Violations = detail.FieldViolations
		}
	}
	return made
}

func askWithErrors(ctx context.Context, method string, request, reply any, channel *grpc.ClientConn, ask grpc.UnaryInvoker, options ...grpc.CallOption) error {
	return errorOf(ask(ctx, method, request, reply, channel, options...))
}

func openWithErrors(ctx context.Context, of *grpc.StreamDesc, channel *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := open(ctx, of, channel, method, options...)
	return translated{stream}, errorOf(err)
}

type translated struct{ grpc.ClientStream }

func (s translated) RecvMsg(message any) error { return errorOf(s.ClientStream.RecvMsg(message)) }
func (s translated) SendMsg(message any) error { return errorOf(s.ClientStream.SendMsg(message)) }
