# lib_inspect: what the suites of inspect share: certificates to be inspected, and how what is
# said is compared with what must be said, in tests/real/inspect. To be sourced after lib.sh.
golden=$root/tests/real/inspect

# -- what is inspected: a root, an intermediate and leaves, of ECDSA keys --

key() { # NAME
	(umask 077 && openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null)
}

authority() { # its settings, in $dir/ca.cnf
	[ ! -e ca.cnf ] || return 0
	: >index.txt
	echo 'unique_subject = no' >index.txt.attr
	cat >ca.cnf <<-'C'
	[ca]
	default_ca = it
	[it]
	database = index.txt
	new_certs_dir = .
	rand_serial = yes
	default_md = sha256
	policy = any
	copy_extensions = copy
	email_in_dn = no
	[any]
	commonName = supplied
	[req]
	distinguished_name = dn
	prompt = no
	[dn]
	[ca_ext]
	basicConstraints = critical, CA:true
	keyUsage = critical, keyCertSign, cRLSign
	[leaf_ext]
	basicConstraints = critical, CA:false
	extendedKeyUsage = serverAuth, clientAuth
	[client_ext]
	basicConstraints = critical, CA:false
	extendedKeyUsage = clientAuth
	[offered_ext]
	basicConstraints = critical, CA:false
	extendedKeyUsage = serverAuth
	authorityInfoAccess = caIssuers;URI:http://ca.example/mid.der
	C
}

# NAME.pem for "/CN=$SUBJECT", signed by ISSUER ("self": itself). From and until as
# openssl ca takes them; without: ten years from 2020, or from now to in 90 days.
FROM=20200101000000Z
sign() { # NAME SUBJECT ISSUER EXTENSIONS [SAN] [OPTIONS...]
	local name=$1 subject=$2 issuer=$3 ext=$4 san=${5-}
	shift $(($# < 5 ? $# : 5))
	authority
	[ -e "$name.key" ] || key "$name"
	openssl req -new -config ca.cnf -key "$name.key" -subj "/CN=$subject" -out "$name.csr" \
		${san:+-addext "subjectAltName=$san"}
	[ "$issuer" != self ] || set -- "$@" -selfsign
	openssl ca -batch -notext -config ca.cnf -in "$name.csr" -out "$name.pem" \
		-keyfile "$([ "$issuer" = self ] && echo "$name" || echo "$issuer").key" \
		$([ "$issuer" = self ] || echo "-cert $issuer.pem") -extensions "$ext" \
		-startdate "$FROM" -enddate "$UNTIL" "$@" 2>sign.log || { cat sign.log; return 1; }
}

now_90() { # a certificate as CAs make them today
	FROM=$(date -u -d '1 hour ago' +%Y%m%d%H%M%SZ)
	UNTIL=$(date -u -d '90 days' +%Y%m%d%H%M%SZ)
}

family() { # root.pem, mid.pem and www.pem, which this host trusts
	UNTIL=20491231235959Z
	sign root "Lab Root" self ca_ext
	sign mid "Lab CA" root ca_ext
	now_90
	sign www www.example mid leaf_ext DNS:www.example,DNS:example
	cat www.pem mid.pem >full.pem
	export SSL_CERT_FILE=$dir/root.pem
}

# -- what it says --

mask() {
	sed -E -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z/TIME/g' \
		-e 's/\b[0-9]+(d|h|m|s)( [0-9]+(h|m|s))?\b/SPAN/g' \
		-e 's/\b[0-9a-f]{64}\b/SHA256/g' -e 's/(127\.0\.0\.[12]|two\.example):[0-9]+/\1:PORT/g' -e 's/\b[0-9A-F]{30,40}\b/SERIAL/g' \
		-e 's/TLSv1\.[23]/TLS/g' \
		-e 's#(sslv3|ssl/tls) alert#alert#g' # OpenSSL 3.0, 3.5
}

same() { # FILE: $dir/said is what it must be
	if [ "${GOLDEN-}" = write ]; then
		cp said "$golden/$1"
	else
		diff -u "$golden/$1" said || fail "it does not say what $1 has"
	fi
}

apart=() # what runs it in surroundings of its own

inspect() {
	export SSL_CERT_FILE=${SSL_CERT_FILE-/dev/null}
	timeout 60 "${apart[@]}" "$BUILD/everleaf" -c "$dir/none.conf" inspect "$@"
}

explained() { # CODE STATUS ARGUMENT...
	local code=$1 status=$2
	shift 2
	expect "$status" inspect "$@"
	is "" "$(cat err)"
	mask <out >said
	same "$code.txt"
	expect "$status" inspect --json "$@"
	grep -o '"code":"[^"]*"' out | grep -qx "\"code\":\"$code\"" || fail "it has not found $code"
	json findings <out >/dev/null
	mask <out >said
	same "$code.json"
	expect "$status" inspect --log "$@"
	is "" "$(cat err)"
	has " code=$code " <out
	mask <out >said
	same "$code.log"
}
