# lib_cmp: CMP servers for the script suites, on 127.0.0.1: one that signs
# (tests/tools/cmp_ca.c) and OpenSSL's own, which hands one certificate out. To be sourced
# after lib.sh and lib_pki.sh. What it is reached by stands in $url.

# $dir/ca.pem, what the server shows to who signs, and a stranger.
cmp_folder() {
	openssl_ca ca
	openssl_ca other
	cmp_leaf srv ca
	: >asked
	: >revoked
	: >confirmed
}

# One that may sign messages: NAME.pem and NAME.key, of the CA BY.
cmp_leaf() { # NAME BY
	openssl_leaf "$1" "$2"
	openssl x509 -req -in "$1.csr" -days 2 -CA "$2.pem" -CAkey "$2.key" -out "$1.pem" 2>/dev/null \
		-extfile <(printf 'keyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\n')
}

run_cmp_ca() { # [ROOT]
	says_anew cmp_ca.out
	"$tools/cmp_ca" "$dir" "${life-172800}" web s3cret "$@" >cmp_ca.out 2>cmp_ca.err </dev/null &
	server=$!
	started $server
	until_true 60 grep -q ready cmp_ca.out
	port=$(sed 's/.* //' cmp_ca.out)
	url=http://127.0.0.1:$port/cmp
}

start_cmp_ca() {
	cmp_folder
	run_cmp_ca
}

# OpenSSL's server: it hands out issued.pem, and ends when it has no stdin.
run_mock() { # OPTIONS
	free_port
	openssl cmp -config "" -port $port "$@" </dev/null >mock.out 2>mock.err &
	server=$!
	started $server
	until_true 60 is_answering $port
	url=http://127.0.0.1:$port/pkix/
}

is_answering() { # PORT
	(: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

secret_file() { # [SECRET]: its path
	(umask 077 && echo "${1-s3cret}" >"$dir/secret")
	echo "$dir/secret"
}

by_secret() { # [SECRET]
	echo "reference = \"web\"; secret_file = \"$(secret_file "$@")\";"
}

# By a certificate of before, of the CA BY.
by_cert() { # [BY]
	cmp_leaf device "${1-ca}"
	chmod 600 device.key
	echo "certificate_file = \"$dir/device.pem\"; key_file = \"$dir/device.key\";"
}

# A certificate `www` of the issuer `corp`, which is the server that was started last.
corp() { # [SETTINGS of the issuer [SETTINGS of the certificate [LABEL]]]
	local settings=${2-'names = [ "www.example.org", "10.1.2.3" ];'}
	local anchors="trust = \"${trust-$dir/ca.pem}\";"
	[ -n "${trust-x}" ] || anchors=
	config <<-C
	issuers = ( { name = "corp"; type = "cmp"; url = "$url${3+/$3}"; $anchors ${1-$(by_secret)} } );
	defaults = { issuer = "corp"; };
	certificates = ( { name = "www"; $settings } );
	C
}

# How often the server was.
asked() { # BODY [LABEL]
	grep -c "^$1 ${2-}" "$dir/asked" || :
}

# Pair and chain of what is live.
is_whole() { # NAME
	local live=$dir/state/live/$1
	openssl verify -CAfile "${2-ca.pem}" -untrusted "$live/fullchain.pem" "$live/cert.pem"
	is "$(openssl x509 -in "$live/cert.pem" -noout -pubkey)" \
		"$(openssl pkey -in "$live/privkey.pem" -pubout)"
}
