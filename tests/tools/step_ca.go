// step_ca: the main() that Debian's package of the smallstep CA lacks (tests/peers), and
// `step-ca jwk NAME PASSWORD`: a provisioner for its configuration, as step makes one.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	_ "github.com/smallstep/certificates/cas/softcas"
	"github.com/smallstep/certificates/commands"
	"github.com/urfave/cli"
	"go.step.sm/crypto/jose"
	_ "SOFTKMS" // tests/peers knows where this version has it
)

func provisioner(c *cli.Context) error {
	key, encrypted, err := jose.GenerateDefaultKeyPair([]byte(c.Args().Get(1)))
	if err != nil {
		return err
	}
	compact, err := encrypted.CompactSerialize()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
		"type": "JWK", "name": c.Args().Get(0), "key": key, "encryptedKey": compact,
		"claims": map[string]interface{}{"allowRenewalAfterExpiry": true},
	})
}

func main() {
	app := cli.NewApp()
	app.Name = "step-ca"
	app.Action = commands.AppCommand.Action
	app.Flags = commands.AppCommand.Flags
	app.Commands = []cli.Command{{Name: "jwk", Action: provisioner}}
	if err := app.Run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
