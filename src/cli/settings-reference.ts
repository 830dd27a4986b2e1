import type { Setting } from "../runner/settings.ts";

/** The page docs/reference/config.md: every key of the runner's `config.yaml`, made from the table that reads them. */
export function renderSettings(settings: readonly Setting[]): string {
  const row = ({ key, kind, fallback, variable, text, honoured }: Setting) =>
    `| \`${key}\` | ${kind} | ${fallback === "" ? "–" : `\`${fallback}\``} | \`${variable}\` | ${text}${honoured === false ? " *(known; no effect yet)*" : ""} |`;
  return `# The runner's configuration

Made by \`node src/cli/write-reference.ts\`; a test compares it with the code.

\`daemon -c config.yaml\` reads Gitea's \`config.yaml\` unchanged. A flag wins over a variable, a variable over the file. Every key that a released
gitea-runner or forgejo-runner knows is known here; one that has no effect yet, or is unknown, gives a warning with its line. Durations are
written like \`3h\`, \`1h30m\` or \`500ms\`; a list in a variable has commas; a map in a variable is \`NAME=VALUE\` lines.

| key | kind | default | variable | what it does |
|---|---|---|---|---|
${settings.map(row).join("\n")}
`;
}
