# For scripts of bash that build and then run what is built: . tests/support/build.bash
#
# Several may do so at once in one folder. Who runs programs holds the folder's lock together with
# others; who has something to build needs it alone, so that no program changes while somebody runs it.
# The lock is file descriptor 9 and is held until the script ends.

build_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# What the sources look like; ninja cannot tell without configuring, because of the globs.
build_fingerprint() {
    (cd "$build_source" &&
        find CMakeLists.txt CMakePresets.json runtime sagas proto migrations examples tests \
            -type f -printf '%p %T@ %s\n' | sort | sha256sum)
}

# build_folder FOLDER PRESET [TARGET...]. Says something only when there is something to build; when that
# fails, its last lines, and returns 1.
build_folder() {
    local folder=$1 preset=$2 stamp=$1/skald.built now targets=()
    shift 2
    if [ $# -gt 0 ]; then targets=(--target "$@"); fi
    mkdir -p "$folder"
    exec 9>"$folder/skald.lock"
    flock -s 9
    now="$preset $* $(build_fingerprint)"
    if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$now" ]; then return; fi
    flock -u 9
    flock 9
    now="$preset $* $(build_fingerprint)"
    if [ ! -e "$stamp" ] || [ "$(cat "$stamp")" != "$now" ]; then
        echo "building preset $preset in $folder" >&2
        rm -f "$stamp"
        if ! { cmake --preset "$preset" -S "$build_source" -B "$folder" &&
               cmake --build "$folder" "${targets[@]}"; } >"$folder/build.log" 2>&1; then
            tail -n 60 "$folder/build.log" >&2
            echo "the build failed; all of it is in $folder/build.log" >&2
            return 1
        fi
        echo "$now" >"$stamp"
    fi
    flock -s 9
}
