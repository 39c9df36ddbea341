# lib_cfssl: CFSSL's API server for the script suites, on 127.0.0.1. To be sourced after
# lib.sh. What it is reached by stands in $url.

auth_key=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff

# A certificate `www` of the issuer `corp`, which is the server that was started last.
corp() { # [SETTINGS of the issuer [SETTINGS of the certificate]]
	local settings=${2-'names = [ "www.example.org", "10.1.2.3" ];'}
	config <<-C
	issuers = ( { name = "corp"; type = "cfssl"; url = "$url"; ${1-} } );
	defaults = { issuer = "corp"; };
	certificates = ( { name = "www"; $settings } );
	C
}

# What the server grants: by no name, and as `server`, `peer` and `guarded`, which wants the key.
cfssl_profiles() {
	cat <<-J
	{ "signing": {
	    "default": { "usages": [ "signing", "key encipherment", "server auth" ], "expiry": "24h" },
	    "profiles": {
	      "server": { "usages": [ "digital signature", "key encipherment", "server auth" ], "expiry": "72h" },
	      "peer": { "usages": [ "digital signature", "server auth", "client auth" ], "expiry": "48h" },
	      "guarded": { "usages": [ "digital signature", "server auth" ], "expiry": "96h", "auth_key": "k1" } } },
	  "auth_keys": { "k1": { "type": "standard", "key": "$auth_key" } } }
	J
}

auth_key_file() { # [HEX]: its path
	(umask 077 && echo "${1-$auth_key}" >"$dir/auth.key")
	echo "$dir/auth.key"
}

key_request() { # NAME: of a CA
	echo '{ "CN": "'"$1"'", "key": { "algo": "ecdsa", "size": 256 }, "names": [ { "O": "Lab" } ] }'
}

# $dir/ca/NAME.pem, a root; or below another CA of that folder.
cfssl_ca() { # [NAME [ISSUER]]
	local name=${1-ca} given=(-initca)
	mkdir -p "$dir/ca"
	echo '{ "signing": { "default": { "usages": [ "cert sign", "crl sign" ], "expiry": "8760h",
		"ca_constraint": { "is_ca": true } } } }' >"$dir/ca/authority.json"
	[ -z "${2-}" ] || given=(-ca "$dir/ca/$2.pem" -ca-key "$dir/ca/$2-key.pem" -config "$dir/ca/authority.json")
	key_request "Lab $name" | "$cfssl" gencert "${given[@]}" - 2>"$dir/ca.err" |
		"$cfssljson" -bare "$dir/ca/$name"
}

# The one that Debian 12 has, or what this Debian has.
find_cfssl() {
	cfssl=$(command -v cfssl) && cfssljson=$(command -v cfssljson) ||
		skip "golang-cfssl is not installed"
}

# 1.6, as Debian 13 has it.
find_new_cfssl() {
	local bin=$root/build/peers/bin
	find_cfssl
	if "$cfssl" version | grep -q '1\.2'; then
		PEERS_SUITE=trixie "$root/tests/peers" cfssl cfssljson >/dev/null 2>"$dir/peers.err" ||
			skip "$(tail -n 1 "$dir/peers.err")"
		cfssl=$bin/cfssl cfssljson=$bin/cfssljson
	fi
}

# Serves what $dir/ca/NAME.pem signs: $url, $server.
run_cfssl() { # NAME [OPTIONS of serve]
	local name=$1
	shift
	free_port
	says_anew "$dir/cfssl.log"
	"$cfssl" serve -address 127.0.0.1 -port $port -ca "$dir/ca/$name.pem" \
		-ca-key "$dir/ca/$name-key.pem" -config "$dir/ca/profiles.json" "$@" \
		>"$dir/cfssl.out" 2>"$dir/cfssl.log" &
	server=$!
	started $server
	until_true 60 grep -q 'Now listening' "$dir/cfssl.log"
	url=http://127.0.0.1:$port
}

start_cfssl() { # [OPTIONS of serve]
	cfssl_ca
	cfssl_profiles >"$dir/ca/profiles.json"
	run_cfssl ca "$@"
}

# By https, with a certificate of CA.
start_tls_cfssl() { # CA
	cfssl_ca
	[ "$1" = ca ] || cfssl_ca "$1"
	cfssl_profiles >"$dir/ca/profiles.json"
	echo '{ "hosts": [ "127.0.0.1", "localhost" ], "key": { "algo": "ecdsa", "size": 256 } }' |
		"$cfssl" gencert -ca "$dir/ca/$1.pem" -ca-key "$dir/ca/$1-key.pem" \
			-config "$dir/ca/profiles.json" -profile server - 2>>"$dir/ca.err" |
		"$cfssljson" -bare "$dir/ca/tls"
	run_cfssl ca -tls-cert "$dir/ca/tls.pem" -tls-key "$dir/ca/tls-key.pem"
	url=https://127.0.0.1:$port
}

# With a database of what it has issued.
start_recording_cfssl() {
	python3 - "$dir/ca.db" <<-'P'
	import sqlite3, sys
	sqlite3.connect(sys.argv[1]).executescript("""
	CREATE TABLE certificates (serial_number blob NOT NULL, authority_key_identifier blob NOT NULL,
	  ca_label blob, status blob NOT NULL, reason int, expiry timestamp, revoked_at timestamp,
	  pem blob NOT NULL, issued_at timestamp, not_before timestamp, metadata text, sans text,
	  common_name text, PRIMARY KEY(serial_number, authority_key_identifier));
	CREATE TABLE ocsp_responses (serial_number blob NOT NULL, authority_key_identifier blob NOT NULL,
	  body blob NOT NULL, expiry timestamp, PRIMARY KEY(serial_number, authority_key_identifier));""")
	P
	echo '{ "driver": "sqlite3", "data_source": "'"$dir/ca.db"'" }' >"$dir/db.json"
	start_cfssl -db-config "$dir/db.json"
}

asked() { # STEP: how often the server was
	grep -c "POST /api/v1/cfssl/$1" "$dir/cfssl.log" || :
}
