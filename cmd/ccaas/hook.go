package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/refresh"
	"ccaas-template-builder/pkg/store"
)

// hookOptions are the flags for the command that runs after a refresh.
type hookOptions struct {
	command []string
	timeout time.Duration
	splay   time.Duration
}

func (o *hookOptions) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&o.timeout, "hook-timeout", time.Minute, "kill COMMAND after this time")
	cmd.Flags().DurationVar(&o.splay, "splay", 0,
		"wait a random time up to this before COMMAND, so that not all peers run it at once")
}

// take takes the command from the arguments: everything after --.
func (o *hookOptions) take(cmd *cobra.Command, args []string) error {
	dash := cmd.ArgsLenAtDash()
	switch {
	case dash < 0 && (cmd.Flags().Changed("hook-timeout") || cmd.Flags().Changed("splay")):
		return misused(cmd, errors.New("--hook-timeout and --splay require a command after --"))
	case dash < 0 && len(args) == 0:
		return nil
	case dash != 0:
		before := len(args)
		if dash > 0 {
			before = dash
		}
		return misused(cmd, fmt.Errorf("got %s, want none except a command after --", plural(before, "argument")))
	case len(args) == 0 || args[0] == "":
		return misused(cmd, errors.New("there is no command after --"))
	case o.timeout <= 0 || o.splay < 0:
		return misused(cmd, errors.New("--hook-timeout must be more than 0, --splay not negative"))
	}
	if _, err := exec.LookPath(args[0]); err != nil {
		return misused(cmd, fmt.Errorf("the command cannot be run: %w", err))
	}
	o.command = args
	return nil
}

// hook returns the command as a hook, or nil if there is none. It gets the environment of this
// process, not that of the builder.
func (o hookOptions) hook(p *program.Program) *refresh.Hook {
	if o.command == nil {
		return nil
	}
	var env []string
	for name, value := range p.Env {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return &refresh.Hook{Command: o.command, Env: env, Timeout: o.timeout, Output: p.Stderr}
}

// run runs the hook for each build for which it is due, one after the other, and records in
// the results how it went.
func (o hookOptions) run(ctx context.Context, p *program.Program, s store.Store, results []refresh.Result) {
	hook := o.hook(p)
	if hook == nil || !slices.ContainsFunc(results, func(r refresh.Result) bool { return r.HookDue }) {
		return
	}
	if o.splay > 0 {
		select {
		case <-time.After(rand.N(o.splay)):
		case <-ctx.Done():
		}
	}
	for i, r := range results {
		if !r.HookDue || ctx.Err() != nil {
			continue
		}
		changed, err := hook.Run(ctx, s, r.PackageID)
		if changed != nil || err != nil {
			results[i].Hook = &refresh.HookRun{Changed: append([]string{}, changed...), Errors: message.Errors(err)}
		}
	}
}
