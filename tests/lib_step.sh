# lib_step: smallstep's step-ca for the script suites, on 127.0.0.1. To be sourced after
# lib.sh and lib_pki.sh. What it is reached by stands in $url.

find_step_ca() {
	step_ca=$root/build/peers/bin/step-ca
	[ -x "$step_ca" ] && "$step_ca" jwk x x >/dev/null 2>&1 ||
		skip "there is no step-ca, or an older one: make peers builds it"
}

# Since yesterday: the server begins its certificates a minute ago, and looks at the chain of
# what has expired as of then.
backdate() { # NAME BY
	cat >old.cnf <<-C
	[ ca ]
	default_ca = old
	[ old ]
	database = $dir/old.index
	new_certs_dir = $dir/step
	rand_serial = yes
	default_md = sha256
	unique_subject = no
	policy = any
	[ any ]
	commonName = supplied
	[ extensions ]
	basicConstraints = critical,CA:TRUE
	keyUsage = critical,keyCertSign,cRLSign
	subjectKeyIdentifier = hash
	authorityKeyIdentifier = keyid
	C
	: >>old.index
	openssl ca -config old.cnf -batch -notext -in "$1.csr" -keyfile "$2.key" \
		$([ "$1" = "$2" ] && echo -selfsign || echo "-cert $2.pem") -extensions extensions \
		-startdate "$(date -u -d '-1 day' +%Y%m%d%H%M%SZ)" -days 30 -out "$1.pem" 2>ca.err
}

# $dir/step: root, intermediate, and provisioners "admin" (JWK, by "sesame"), "strict" (JWK,
# by "sesame", nothing is renewed after its end), and "hosts" (X5C, of $dir/hosts.pem). With
# $lists, a port, it publishes its list there, which the certificates name.
step_pki() {
	local step=$dir/step
	mkdir -p "$step/db"
	openssl_ca hosts
	openssl_ca root
	openssl_ca inter root
	backdate root root
	backdate inter root
	"$step_ca" jwk admin sesame >admin.json
	[ -z "${lists-}" ] || naming_list
	"$step_ca" jwk strict sesame | sed 's/"allowRenewalAfterExpiry":true//' >strict.json
	step_json >"$step/ca.json"
}

list_url() {
	echo "http://127.0.0.1:$lists/1.0/crl"
}

naming_list() {
	sed -i 's|^{|{"options":{"x509":{"template":"{\\"subject\\":{{toJson .Subject}},\\"sans\\":{{toJson .SANs}},\\"keyUsage\\":[\\"digitalSignature\\"],\\"crlDistributionPoints\\":[\\"'"$(list_url)"'\\"]}"}},|' admin.json
}

step_json() {
	local publishes=
	[ -z "${lists-}" ] ||
		publishes="\"insecureAddress\": \"127.0.0.1:$lists\", \"crl\": { \"enabled\": true, \"generateOnRevoke\": true, \"idpURL\": \"$(list_url)\" },"
	cat <<-J
	{ "root": "$dir/root.pem", "crt": "$dir/inter.pem", "key": "$dir/inter.key",
	  "address": "127.0.0.1:$port", "dnsNames": [ "127.0.0.1" ],
	  $publishes "logger": { "format": "text" },
	  "db": { "type": "bbolt", "dataSource": "$dir/step/db/step.db" },
	  "authority": {
	    "claims": { "minTLSCertDuration": "5s", "defaultTLSCertDuration": "${lifetime-24h}" },
	    "provisioners": [ $(cat admin.json), $(cat strict.json),
	      { "type": "X5C", "name": "hosts", "roots": "$(base64 -w 0 hosts.pem)" } ] } }
	J
}

run_step_ca() {
	HOME=$dir STEPPATH=$dir/step "$step_ca" "$dir/step/ca.json" >>"$dir/step.log" 2>&1 &
	server=$!
	started $server
	url=https://127.0.0.1:$port
	until_true 60 curl -sf --cacert root.pem -o /dev/null "$url/health"
}

start_step_ca() {
	find_step_ca
	free_port
	step_pki
	run_step_ca
}

# With another configuration, and what it has issued.
again_step_ca() {
	end $server
	step_json >"$dir/step/ca.json"
	run_step_ca
}

secret_file() { # NAME: what is on stdin, its path
	(umask 077 && cat >"$dir/$1")
	echo "$dir/$1"
}

as_provisioner() { # [NAME [PASSWORD]]
	echo "provisioner = \"${1-admin}\"; password_file = \"$(echo "${2-sesame}" | secret_file password)\";"
}

# A certificate `www` of the issuer `corp`, which is the server that was started last.
corp() { # SETTINGS of the issuer [SETTINGS of the certificate]
	local settings=${2-'names = [ "www.example.org", "10.1.2.3" ];'}
	config <<-C
	issuers = ( { name = "corp"; type = "step"; url = "$url"; trust = "${trust-$dir/root.pem}"; $1 } );
	defaults = { issuer = "corp"; };
	certificates = ( { name = "www"; $settings } );
	C
}

# How often the server was, and said what.
answered() { # STATUS STEP
	grep "method=POST" "$dir/step.log" | grep "path=/1.0/$2 " | grep -c "status=$1 " || :
}
