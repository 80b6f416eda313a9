# For the scripts "demo" of the examples: . common/demo.bash, then run_demo EXAMPLE "$@". Installs what is
# missing, builds, and runs the example's driver on private servers.
#   SKALD_BUILD_DIR   where to build, build/release by default
#   --no-build        run what is built there

demo_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
demo_build=${SKALD_BUILD_DIR:-$demo_root/build/release}

# Two of us may start at once, and tests/run too: build.bash sees to it.
build_examples() {
    "$demo_root/tests/support/install-packages" build servers >&2
    . "$demo_root/tests/support/build.bash"
    build_folder "$demo_build" release skald_cli examples || exit 70
}

# The text is in the driver's source: asking for it must not install or build anything.
print_help() {
    sed -n '/^static const char help/,/;$/s/^ *"\(.*\)\\n".*/\1/p' \
        "$demo_root/examples/$1/driver/options.c"
}

run_demo() {
    local example=$1 argument must_build=yes arguments=()
    shift
    for argument in "$@"; do
        case $argument in
        --no-build) must_build=no ;;
        --help | -h) print_help "$example"; exit ;;
        *) arguments+=("$argument") ;;
        esac
    done
    if [[ $must_build == yes ]]; then
        build_examples
    fi
    # The servers are thrown away afterwards, but until then they keep their word: every commit is on disk.
    exec "$demo_build/skald" dev --ephemeral --safe -- \
        "$demo_build/examples/$example/$example-demo" "${arguments[@]}"
}
