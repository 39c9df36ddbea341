# lib_est: Cisco's EST server for the script suites. To be sourced after lib.sh and
# lib_pki.sh. What it is reached by stands in $url.

# Debian 12 has none.
find_estserver() {
	PEERS_SUITE=trixie "$root/tests/peers" estserver >/dev/null 2>"$dir/peers.err" ||
		skip "$(tail -n 1 "$dir/peers.err")"
	estserver=$root/build/peers/bin/estserver
	est_libs=$(dirname "$(find "$root/build/peers/libest3/usr" -name 'libest.so*' | head -n 1)")
}

# How it signs: `days` long, for servers and clients.
est_profile() {
	cat <<-C
	[ ca ]
	default_ca = lab
	[ lab ]
	database = $dir/ca.index
	new_certs_dir = $dir/ca.new
	certificate = $dir/ca.pem
	private_key = $dir/ca.key
	serial = $dir/ca.serial
	default_days = ${days-2}
	default_md = sha256
	policy = any
	unique_subject = no
	copy_extensions = copy
	x509_extensions = leaf
	email_in_dn = no
	preserve = no
	[ any ]
	commonName = optional
	[ leaf ]
	basicConstraints = critical,CA:FALSE
	keyUsage = critical,digitalSignature
	extendedKeyUsage = serverAuth,clientAuth
	subjectKeyIdentifier = hash
	authorityKeyIdentifier = keyid
	C
}

# $dir/ca.pem and what the server shows of it.
est_ca() {
	openssl_ca ca
	mkdir ca.new
	: >ca.index
	echo 1000 >ca.serial
	est_profile >ca.cnf
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key \
		-subj /CN=127.0.0.1 -out tls.csr 2>/dev/null
	openssl x509 -req -in tls.csr -days 2 -CA ca.pem -CAkey ca.key -out tls.pem \
		-extfile <(echo subjectAltName=IP:127.0.0.1,DNS:localhost) 2>/dev/null
}

# It takes estuser with estpwd, and certificates of the CA. It ends when it has no stdin.
run_estserver() { # [OPTIONS]
	free_port
	LD_LIBRARY_PATH=$est_libs EST_OPENSSL_CACONFIG=$dir/ca.cnf EST_CACERTS_RESP=${cacerts-$dir/ca.pem} \
		EST_TRUSTED_CERTS=$dir/ca.pem "$estserver" -c tls.pem -k tls.key -r estrealm \
		-p $port -v "$@" </dev/zero >>est.log 2>&1 &
	server=$!
	started $server
	until_true 60 is_answering $port
	url=https://127.0.0.1:$port
}

is_answering() { # PORT
	(: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

start_estserver() { # [OPTIONS]
	est_ca
	run_estserver "$@"
}

password_file() { # [PASSWORD]: its path
	(umask 077 && echo "${1-estpwd}" >"$dir/password")
	echo "$dir/password"
}

# A certificate `www` of the issuer `corp`, which is the server that was started last.
corp() { # [SETTINGS of the issuer [SETTINGS of the certificate]]
	local settings=${2-'names = [ "www.example.org", "10.1.2.3" ];'}
	config <<-C
	issuers = ( { name = "corp"; type = "est"; url = "$url"; trust = "${trust-$dir/ca.pem}"; ${1-} } );
	defaults = { issuer = "corp"; };
	certificates = ( { name = "www"; $settings } );
	C
}

as_user() { # [PASSWORD]
	echo "user = \"estuser\"; password_file = \"$(password_file "$@")\";"
}

# How often the server was.
asked() { # STEP
	grep -c "\"POST /.well-known/est/$1 HTTP" "$dir/est.log" || :
}

# What has ended, as this openssl x509 takes it.
ended() {
	if openssl x509 -help 2>&1 | grep -q not_after; then
		echo "-not_before 20200101000000Z -not_after 20200201000000Z"
	else
		echo "-days -1"
	fi
}
