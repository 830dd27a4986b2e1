#!/usr/bin/env bash
# Installs what the foreign clients of test/interop need, so that the tests work without a network afterwards:
# the Go modules into Go's own cache, the Python packages into a venv outside of the tree. What is missing is only said:
# the tests skip that client with the reason.
set -euo pipefail
cd "$(dirname "$0")/../../examples/clients"

if command -v go >/dev/null; then
  # The build of what does not change goes into Go's build cache: cold it takes a minute, more than a test should wait.
  # The same settings as in foreign-clients.ts, or it would be built again.
  (
    cd go
    export GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS="-buildvcs=false -mod=readonly"
    go mod download
    go tool -n protoc-gen-go >/dev/null
    go tool -n protoc-gen-go-grpc >/dev/null
    go build google.golang.org/grpc google.golang.org/grpc/credentials/insecure google.golang.org/protobuf/types/known/structpb
  ) || echo "interop: the Go modules could not be prepared" >&2
else
  echo "interop: no go on the PATH" >&2
fi

# The same path as in foreign-clients.ts: a change of the pins makes a new venv.
pins=$(sha256sum python/requirements.txt | cut -c1-12)
venv="${XDG_CACHE_HOME:-$HOME/.cache}/act-runner-ts/interop-python-$pins"
if ! command -v python3 >/dev/null; then
  echo "interop: no python3 on the PATH" >&2
elif [ ! -e "$venv/complete" ]; then
  rm -rf "$venv"
  if python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --only-binary :all: -r python/requirements.txt; then
    touch "$venv/complete"
  else
    echo "interop: the Python packages could not be installed" >&2
    rm -rf "$venv"
  fi
fi
