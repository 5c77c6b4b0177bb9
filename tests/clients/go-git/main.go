// A small Git client made of go-git, the library through which Flux reads Git and Argo CD resolves
// refs. run.sh calls it with one operation at a time and looks at what it did with stock git.
//
// GOGIT_USER and GOGIT_TOKEN say who asks: Basic with both, Bearer with the token alone.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"sort"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"
)

var (
	branch    = flag.String("branch", "", "clone: this branch alone")
	checkout  = flag.String("checkout", "", "clone: check this commit out")
	depth     = flag.Int("depth", 0, "clone, fetch: so many commits of history")
	negotiate = flag.String("negotiate", "ack", "clone, fetch: ack, or multi-ack as Flux does")
	sign      = flag.String("sign", "", "commit: armored private OpenPGP key")
	quiet     = flag.Bool("quiet", false, "push: do not ask for what the server says besides")
)

// By name; each takes the arguments after the flags.
var operations = map[string]func([]string) error{
	"list":   list,   // URL
	"clone":  clone,  // URL FOLDER
	"fetch":  fetch,  // FOLDER [REFSPEC...]
	"head":   head,   // FOLDER
	"verify": verify, // FOLDER REVISION ARMORED-KEYS
	"commit": commit, // FOLDER MESSAGE
	"push":   push,   // FOLDER REFSPEC
}

func main() {
	operation := operations[os.Args[1]]
	_ = flag.CommandLine.Parse(os.Args[2:])
	if *negotiate == "multi-ack" {
		// Unless told otherwise go-git leaves multi_ack and multi_ack_detailed out, too.
		transport.UnsupportedCapabilities = []capability.Capability{capability.ThinPack}
	}
	err := operation(flag.Args())
	if errors.Is(err, git.NoErrAlreadyUpToDate) {
		fmt.Println(err)
	} else if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func auth() transport.AuthMethod {
	user, token := os.Getenv("GOGIT_USER"), os.Getenv("GOGIT_TOKEN")
	if token == "" {
		return nil
	}
	if user == "" {
		return &http.TokenAuth{Token: token}
	}
	return &http.BasicAuth{Username: user, Password: token}
}

// As Argo CD does: a remote that exists in memory only.
func list(arguments []string) error {
	remote := git.NewRemote(memory.NewStorage(), &config.RemoteConfig{
		Name: "origin", URLs: []string{arguments[0]}})
	references, err := remote.List(&git.ListOptions{Auth: auth()})
	if err != nil {
		return err
	}
	var lines []string
	for _, reference := range references {
		if reference.Type() == plumbing.SymbolicReference {
			lines = append(lines, fmt.Sprintf("%s -> %s", reference.Name(), reference.Target()))
		} else {
			lines = append(lines, fmt.Sprintf("%s %s", reference.Name(), reference.Hash()))
		}
	}
	sort.Strings(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
	return nil
}

// As Flux does: a branch alone and without tags, or everything and then a commit.
func clone(arguments []string) error {
	options := &git.CloneOptions{URL: arguments[0], Auth: auth(), Depth: *depth, Tags: git.NoTags}
	if *branch != "" {
		options.ReferenceName = plumbing.NewBranchReferenceName(*branch)
		options.SingleBranch = true
	}
	repository, err := git.PlainClone(arguments[1], false, options)
	if err != nil || *checkout == "" {
		return err
	}
	tree, err := repository.Worktree()
	if err != nil {
		return err
	}
	return tree.Checkout(&git.CheckoutOptions{Hash: plumbing.NewHash(*checkout), Force: true})
}

func fetch(arguments []string) error {
	repository, err := git.PlainOpen(arguments[0])
	if err != nil {
		return err
	}
	var specs []config.RefSpec
	for _, spec := range arguments[1:] {
		specs = append(specs, config.RefSpec(spec))
	}
	return repository.Fetch(&git.FetchOptions{
		RefSpecs: specs, Auth: auth(), Depth: *depth, Tags: git.NoTags})
}

func head(arguments []string) error {
	repository, err := git.PlainOpen(arguments[0])
	if err != nil {
		return err
	}
	reference, err := repository.Head()
	if err != nil {
		return err
	}
	fmt.Println(reference.Name(), reference.Hash())
	return nil
}

func verify(arguments []string) error {
	repository, err := git.PlainOpen(arguments[0])
	if err != nil {
		return err
	}
	hash, err := repository.ResolveRevision(plumbing.Revision(arguments[1]))
	if err != nil {
		return err
	}
	object, err := repository.CommitObject(*hash)
	if err != nil {
		return err
	}
	keys, err := os.ReadFile(arguments[2])
	if err != nil {
		return err
	}
	signer, err := object.Verify(string(keys))
	if err != nil {
		return fmt.Errorf("not verified: %w", err)
	}
	fmt.Printf("signed by %X\n", signer.PrimaryKey.Fingerprint)
	return nil
}

// Everything that changed in the folder; signed when there is a key.
func commit(arguments []string) error {
	repository, err := git.PlainOpen(arguments[0])
	if err != nil {
		return err
	}
	tree, err := repository.Worktree()
	if err != nil {
		return err
	}
	options := &git.CommitOptions{All: true}
	if *sign != "" {
		armored, err := os.ReadFile(*sign)
		if err != nil {
			return err
		}
		keys, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(armored))
		if err != nil {
			return err
		}
		options.SignKey = keys[0]
	}
	hash, err := tree.Commit(arguments[1], options)
	fmt.Println(hash)
	return err
}

func push(arguments []string) error {
	repository, err := git.PlainOpen(arguments[0])
	if err != nil {
		return err
	}
	options := &git.PushOptions{RefSpecs: []config.RefSpec{config.RefSpec(arguments[1])}, Auth: auth()}
	if !*quiet {
		options.Progress = os.Stdout
	}
	return repository.Push(options)
}
