/** Steps, each behind `- `, as a job has them. */
const steps = (text: string) => text.replaceAll(/^/gm, "      ");

/**
 * A workflow that uses the built-in artifact and cache actions in all their ways, and prints what came of it. Its image
 * needs nothing but a shell, `find` and `tar`.
 */
export const builtinWorkflow = `on: workflow_dispatch
jobs:
  make:
    runs-on: linux
    steps:
${steps(`- run: |
    mkdir -p out/deep 'out/a b' out/.hidden deps/sub
    echo one > out/1; echo two > out/deep/2.txt; echo skip > out/deep/3.tmp; echo blank > 'out/a b/ü'
    echo hidden > out/.hidden/x; ln -s ../1 out/deep/link; ln out/1 out/hard
    echo dep > deps/sub/x; ln -s sub/x deps/link; chmod 755 deps/sub/x; mkdir -p /tmp/out-of-it; echo far > /tmp/out-of-it/f
- uses: actions/upload-artifact@v7
  id: upload
  with:
    name: part-1
    path: |
      out
      !out/**/*.tmp
    retention-days: 3
- run: echo "upload \${{ steps.upload.outputs.artifact-id }} \${{ steps.upload.outputs.artifact-digest }} \${{ steps.upload.outputs.artifact-url }}"
- uses: actions/upload-artifact@v4
  id: again
  continue-on-error: true
  with: { name: part-1, path: out }
- run: echo "again \${{ steps.again.outcome }}"
- uses: actions/upload-artifact@v4
  with: { name: part-1, path: out, overwrite: true, include-hidden-files: true, compression-level: 0 }
- uses: actions/upload-artifact@v4
  with: { name: part-2, path: "out/deep/*.txt\\n/tmp/out-of-it/f" }
- uses: actions/upload-artifact@v7
  with: { path: out/deep/2.txt, archive: false }
- uses: actions/upload-artifact@v4
  with: { path: nothing/* }
- uses: actions/upload-artifact@v4
  id: strict
  continue-on-error: true
  with: { path: nothing/*, if-no-files-found: error }
- run: echo "strict \${{ steps.strict.outcome }}"
- uses: actions/cache@v5
  id: cache
  with: { path: "deps\\n/tmp/out-of-it", key: linux-1, restore-keys: linux- }
- run: echo "miss [\${{ steps.cache.outputs.cache-hit }}] \${{ steps.cache.outputs.cache-primary-key }}"
- uses: actions/cache/restore@v5
  id: strict-cache
  continue-on-error: true
  with: { path: deps, key: none, fail-on-cache-miss: true }
- run: echo "strict cache \${{ steps.strict-cache.outcome }}"; rm -rf /tmp/out-of-it.copy; mv /tmp/out-of-it /tmp/out-of-it.copy; cp -r /tmp/out-of-it.copy /tmp/out-of-it`)}
  take:
    needs: make
    runs-on: linux
    steps:
${steps(`- run: rm -rf /tmp/out-of-it /tmp/out-of-it.copy
- uses: actions/cache/restore@v5
  id: look
  with: { path: "deps\\n/tmp/out-of-it", key: linux-1, lookup-only: true }
- run: echo "look \${{ steps.look.outputs.cache-hit }} $(ls | wc -l)"
- uses: actions/cache@v5
  id: cache
  with: { path: "deps\\n/tmp/out-of-it", key: linux-2, restore-keys: linux- }
- run: |
    echo "restored \${{ steps.cache.outputs.cache-hit }} \${{ steps.cache.outputs.cache-matched-key }} $(cat deps/link) $(cat /tmp/out-of-it/f)"
    test -x deps/sub/x && test -L deps/link && echo "modes stay"
- uses: actions/cache@v5
  id: exact
  with: { path: "deps\\n/tmp/out-of-it", key: linux-1 }
- run: echo "exact \${{ steps.exact.outputs.cache-hit }}"; rm -r /tmp/out-of-it
- uses: actions/download-artifact@v8
  id: download
  with: { name: part-1, path: in }
- run: |
    echo "files $(cd in && find . -type f | sort | tr '\\n' ' ')"
    echo "content $(cat in/1 in/hard in/deep/link 'in/a b/ü' in/.hidden/x | tr '\\n' ' ')"
    echo "path \${{ steps.download.outputs.download-path }}"
- uses: actions/download-artifact@v4
  with: { pattern: "part-*", path: each }
- run: echo "each $(cd each && ls | tr '\\n' ' ') $(cd each/part-2 && find . -type f | sed 's/.*\\///' | sort | tr '\\n' ' ')"
- uses: actions/download-artifact@v4
  with: { pattern: "part-*", path: /tmp/merged, merge-multiple: true }
- run: echo "merged $(cat /tmp/merged/1)"; rm -r /tmp/merged
- uses: actions/download-artifact@v8
  with: { name: 2.txt, path: raw }
- run: echo "raw $(cat raw/2.txt)"
- uses: actions/download-artifact@v4
  id: missing
  continue-on-error: true
  with: { name: nothing }
- run: echo "missing \${{ steps.missing.outcome }}"
- uses: actions/cache/save@v5
  with: { path: deps, key: saved-alone }
- uses: actions/cache/save@v5
  with: { path: nowhere, key: saved-nothing }`)}
`;

/** What the jobs print, by the first words of the lines. */
export const builtinLines: readonly (readonly [words: string, rest: RegExp])[] = [
  ["upload", /^\d+ [0-9a-f]{64} http\S+\/olga\/app\/actions\/runs\/\d+\/artifacts\/\d+$/],
  ["again", /^failure$/],
  ["strict", /^failure$/],
  ["miss", /^\[\] linux-1$/],
  ["strict cache", /^failure$/],
  ["look", /^true 0$/],
  ["restored", /^false linux-1 dep far$/],
  ["modes", /^stay$/],
  ["exact", /^true$/],
  ["files", /^\.\/\.hidden\/x \.\/1 \.\/a b\/ü \.\/deep\/2\.txt \.\/deep\/3\.tmp \.\/deep\/link \.\/hard $/],
  ["content", /^one one one blank hidden $/],
  ["path", /\/in$/],
  ["each", /^part-1 part-2 {2}2\.txt f $/],
  ["merged", /^one$/],
  ["raw", /^two$/],
  ["missing", /^failure$/],
];
