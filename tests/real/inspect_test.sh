#!/bin/bash
# inspect: what it says of files that openssl has made, one case for each code of a
# finding. What it must say stands in tests/real/inspect/CODE.txt and CODE.json, with what
# differs from run to run masked. GOLDEN=write writes them anew, to be read and committed.
. "$(dirname "$0")/../lib.sh"
. "$root/tests/lib_inspect.sh"

# -- nothing is wrong --

test_what_is_right_is_explained_and_nothing_else() {
	family
	expect 0 inspect www.key full.pem
	has 'nothing is wrong with it' <out
	has 'as certificate 1' <out
	has 'trusted: CN=Lab Root' <out
	mask <out >said
	same right.txt
}

test_der_says_the_same_as_pem() {
	local form
	family
	openssl x509 -in www.pem -outform DER -out www.der
	openssl pkey -in www.key -outform DER -out key.der
	openssl crl2pkcs7 -nocrl -certfile full.pem -outform DER -out full.p7b
	openssl pkey -in www.key -pubout -out public.pem
	chmod 600 key.der
	expect 0 inspect --json www.pem www.key
	json inputs.0.items.0.fingerprint <out >want
	for form in www.der full.p7b; do
		inspect --json $form >out || :
		json inputs.0.items.0.fingerprint <out >got
		cmp want got
	done
	inspect --json www.pem key.der >out || :
	is "certificate 1" "$(json inputs.1.items.0.key_of <out)"
	expect 0 inspect --json public.pem
	is "public key" "$(json inputs.0.items.0.kind <out)"
}

# As a live set is, also while the root key of its CA is rolled over.
test_nothing_of_a_set_is_too_much_beside_its_other_files() {
	family
	cp www.pem cert.pem
	cp mid.pem chain.pem
	expect 0 inspect --log www.key cert.pem chain.pem full.pem
	is 4 "$(grep -c code=right out)"
	UNTIL=20491231235959Z
	sign next "Lab Root" self ca_ext
	cp root.key cross.key
	sign cross "Lab Root" next ca_ext
	cat mid.pem cross.pem >chain.pem
	cat www.pem mid.pem cross.pem >full.pem
	cat root.pem next.pem >both.pem
	export SSL_CERT_FILE=$dir/both.pem
	expect 0 inspect --log www.key root.pem cert.pem chain.pem full.pem
	is 5 "$(grep -c code=right out)"
}

test_a_log_has_a_line_for_what_is_right_and_one_for_each_thing_that_is_not() {
	family
	cp full.pem 'a"b.pem'
	: >nothing-here
	expect 1 inspect --log www.key 'a"b.pem' nothing-here
	is 3 "$(wc -l <out)"
	sed -n 1p out | has '^ts=[0-9TZ:-]* level=info role=inspect code=right msg="www.key: nothing is wrong with it"$'
	sed -n 2p out | has 'msg="a\\"b.pem: nothing'
	sed -n 3p out | has 'level=error role=inspect code=empty msg="nothing-here: .*" remedy="write it again; a full disk may have left it"$'
	expect 2 inspect --log --json www.pem
	says err "either --json or --log"
}

test_standard_input_is_a_file() {
	family
	expect 0 inspect full.pem
	mask <out | tail -n +2 >want
	inspect - <full.pem | mask | tail -n +2 >got
	diff want got
	inspect <(cat full.pem) | mask | tail -n +2 >got
	diff want got
}

test_what_cannot_be_opened_is_a_mistake_of_usage() {
	expect 2 inspect nothing.pem
	says err "nothing.pem: No such file or directory"
	expect 2 inspect .
	says err "is a folder"
	expect 2 inspect --password-file nothing /dev/null
	expect 2 inspect
	is "" "$(cat out)"
}

test_no_key_and_no_password_is_ever_printed() {
	family
	echo secret >pass
	openssl pkcs12 -export -inkey www.key -in full.pem -passout pass:secret -out www.p12
	chmod 600 www.p12
	expect 0 inspect --password-file pass www.p12 www.key
	has_no secret <out
	sed -n 2p www.key >line
	not grep -qF -f line out
	expect 0 inspect --json --password-file pass www.p12 www.key
	has_no secret <out
	not grep -qF -f line out
}

# -- one case for each code --

test_expired() {
	family
	FROM=20200101000000Z UNTIL=20210101000000Z
	sign old old.example mid leaf_ext DNS:old.example
	cat old.pem mid.pem >old-full.pem
	explained expired 1 old-full.pem
}

test_not_yet_valid() {
	family
	FROM=20480101000000Z UNTIL=20490101000000Z
	sign new new.example mid leaf_ext DNS:new.example
	cat new.pem mid.pem >new-full.pem
	explained not-yet-valid 1 new-full.pem
}

test_expires_soon() {
	family
	FROM=20200101000000Z UNTIL=$(date -u -d '5 days' +%Y%m%d%H%M%SZ)
	sign soon soon.example mid leaf_ext DNS:soon.example
	cat soon.pem mid.pem >soon-full.pem
	explained expires-soon 1 soon-full.pem
}

test_key_mismatch() {
	family
	key other
	explained key-mismatch 1 full.pem other.key
}

test_key_weak() {
	family
	openssl genrsa -out weak.key 1024 2>/dev/null
	sign weak weak.example mid leaf_ext DNS:weak.example
	cat weak.pem mid.pem >weak-full.pem
	explained key-weak 1 weak-full.pem
}

test_key_exposed() {
	key www
	chmod 644 www.key
	explained key-exposed 1 www.key
}

test_key_encrypted() {
	key www
	openssl pkey -in www.key -aes256 -passout pass:secret -out sealed.key
	explained key-encrypted 0 sealed.key
	echo secret >pass
	expect 0 inspect --password-file pass sealed.key
	says out ecdsa-p256
	openssl ec -in www.key -aes256 -passout pass:secret -out old.key 2>/dev/null
	expect 0 inspect --password-file pass old.key
	says out ecdsa-p256
}

test_key_broken() {
	{
		echo "-----BEGIN PRIVATE KEY-----"
		echo "not a key" | base64
		echo "-----END PRIVATE KEY-----"
	} >broken.key
	explained key-broken 1 broken.key
}

test_signature_weak() {
	family
	sign sha1 sha1.example mid leaf_ext DNS:sha1.example -md sha1
	cat sha1.pem mid.pem >sha1-full.pem
	explained signature-weak 1 sha1-full.pem
}

test_signature_wrong() {
	family
	UNTIL=20491231235959Z FROM=20200101000000Z
	sign false "Lab CA" root ca_ext
	cat www.pem false.pem >false-full.pem
	explained signature-wrong 1 false-full.pem
}

test_no_names() {
	family
	sign cn www.example mid leaf_ext
	cat cn.pem mid.pem >cn-full.pem
	explained no-names 1 cn-full.pem
}

test_not_for_servers() {
	family
	sign client client.example mid client_ext DNS:client.example
	cat client.pem mid.pem >client-full.pem
	explained not-for-servers 0 client-full.pem
}

test_self_signed() {
	key self
	now_90
	sign self self.example self leaf_ext DNS:self.example
	explained self-signed 1 self.pem
}

test_leaf_alone() {
	family
	sign alone alone.example mid offered_ext DNS:alone.example
	explained leaf-alone 0 alone.pem
}

test_chain_incomplete() {
	family
	cat www.pem root.pem >gap.pem
	SSL_CERT_FILE=/dev/null explained chain-incomplete 1 gap.pem
}

# RFC 8446 4.4.2
test_chain_order() {
	family
	cat mid.pem www.pem >upside.pem
	explained chain-order 1 upside.pem
}

test_chain_extra() {
	family
	FROM=20200101000000Z UNTIL=20491231235959Z
	sign stray "Another CA" self ca_ext
	cat full.pem stray.pem >extra.pem
	explained chain-extra 1 extra.pem
}

test_chain_twice() {
	family
	cat full.pem mid.pem >twice.pem
	explained chain-twice 1 twice.pem
}

test_root_included() {
	family
	cat full.pem root.pem >whole.pem
	explained root-included 0 whole.pem
}

test_authority_unknown() {
	family
	SSL_CERT_FILE=/dev/null explained authority-unknown 1 full.pem
	SSL_CERT_FILE=/dev/null expect 0 inspect full.pem root.pem
}

crl() { # FILE OPTIONS...: by mid
	openssl ca -config ca.cnf -gencrl -keyfile mid.key -cert mid.pem -out "$@" 2>/dev/null
}

test_revoked() {
	family
	openssl ca -config ca.cnf -keyfile mid.key -cert mid.pem -revoke www.pem 2>/dev/null
	crl mid.crl -crldays 7
	explained revoked 1 full.pem mid.crl
}

test_crl_expired() {
	family
	crl old.crl -crl_lastupdate 20200101000000Z -crl_nextupdate 20200108000000Z
	explained crl-expired 1 old.crl
}

test_crl_not_yet_valid() {
	family
	crl new.crl -crl_lastupdate 20480101000000Z -crl_nextupdate 20480108000000Z
	explained crl-not-yet-valid 1 new.crl
}

test_crl_signature() {
	family
	crl mid.crl -crldays 7
	UNTIL=20491231235959Z FROM=20200101000000Z
	sign false "Lab CA" root ca_ext
	explained crl-signature 1 mid.crl false.pem
}

test_csr_signature() {
	family
	openssl req -in www.csr -outform DER -out right.der
	# The last byte of an ECDSA signature is of its number s.
	head -c -1 right.der >wrong.der
	tail -c 1 right.der | tr '\000-\376\377' '\001-\377\000' >>wrong.der
	explained csr-signature 1 wrong.der
	expect 0 inspect right.der www.key
	says out "as certificate request 1"
}

test_csr_no_names() {
	authority
	key www
	openssl req -new -config ca.cnf -key www.key -subj /CN=www.example -out www.csr
	explained csr-no-names 1 www.csr
}

p12() { # PASSWORD OPTIONS...
	local pass=$1
	shift
	openssl pkcs12 -export -inkey www.key -in full.pem -passout "pass:$pass" -out www.p12 "$@"
	chmod 600 www.p12
}

test_password_needed() {
	family
	p12 secret
	explained password-needed 0 www.p12
	echo secret >pass
	expect 0 inspect --password-file pass www.p12
	says out "as certificate 1"
	says out "trusted: CN=Lab Root"
}

test_password_wrong() {
	family
	p12 secret
	echo guess >pass
	explained password-wrong 1 --password-file pass www.p12
}

test_password_empty() {
	family
	p12 ""
	explained password-empty 1 www.p12
}

test_p12_legacy() {
	family
	p12 secret -certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES
	echo secret >pass
	explained p12-legacy 1 --password-file pass www.p12
}

test_pem_broken() {
	family
	head -n 5 www.pem >cut.pem
	explained pem-broken 1 cut.pem
}

test_bytes_after() {
	family
	openssl x509 -in www.pem -outform DER -out www.der
	echo more >>www.der
	explained bytes-after 1 www.der
}

test_empty() {
	: >empty.pem
	explained empty 1 empty.pem
	family
	: >chain.pem # of a leaf that a root has signed
	expect 0 inspect www.key full.pem chain.pem
	expect 1 inspect chain.pem
}

test_not_a_certificate() {
	echo "<!DOCTYPE html><html><body>404" >page.pem
	printf 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA user@host\n' >id.pub
	printf -- '-----BEGIN PGP PUBLIC KEY BLOCK-----\n' >key.asc
	printf '\376\355\376\355\0\0\0\2' >store.jks
	printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=\n-----END OPENSSH PRIVATE KEY-----\n' >id
	explained not-a-certificate 1 page.pem id.pub key.asc store.jks id
}

# OpenSSL makes none: nextUpdate is cut out of one that it has made, which is signed again.
test_crl_endless() {
	family
	openssl ca -gencrl -config ca.cnf -cert mid.pem -keyfile mid.key -crl_lastupdate 20200101000000Z \
		-crldays 9 -out mid.crl 2>/dev/null
	openssl crl -in mid.crl -outform DER -out mid.der
	cat >cut.py <<-'P'
	import subprocess
	der = open("mid.der", "rb").read()
	def take(at): # where the content begins, where the next one does
	    n, start = der[at + 1], at + 2
	    if n & 128:
	        n, start = int.from_bytes(der[start:start + (n & 127)], "big"), start + (n & 127)
	    return start, start + n
	def put(tag, content):
	    n = len(content)
	    return bytes([tag, n] if n < 128 else [tag, 129, n] if n < 256 else [tag, 130, n >> 8, n & 255]) + content
	tbs, end = take(take(0)[0])
	at, parts = tbs, []
	while at < end:
	    parts.append(der[at:take(at)[1]])
	    at = take(at)[1]
	times = [i for i, part in enumerate(parts) if part[0] in (23, 24)]
	del parts[times[1]] # thisUpdate, nextUpdate
	cut = put(48, b"".join(parts))
	sign = ["openssl", "dgst", "-sha256", "-sign", "mid.key"]
	signature = subprocess.run(sign, input=cut, stdout=subprocess.PIPE, check=True).stdout
	algorithm = der[end:take(end)[1]]
	open("endless.crl", "wb").write(put(48, cut + algorithm + put(3, b"\0" + signature)))
	P
	python3 cut.py
	explained crl-endless 1 endless.crl mid.pem
}

test_too_large() {
	truncate -s 33M large
	explained too-large 1 large
}

# What is said of all of them is long: of it, what is said of this.
test_too_many() {
	family
	for _ in {1..1001}; do cat root.pem; done >many.pem
	expect 1 inspect many.pem
	grep -A 2 ' too-many$' out | mask >said
	same too-many.txt
	expect 1 inspect --json many.pem
	grep -o '{"code":"too-many"[^}]*}' out | mask >said
	same too-many.json
	expect 1 inspect --log many.pem
	grep ' code=too-many ' out | mask >said
	same too-many.log
}

run_tests "$@"
