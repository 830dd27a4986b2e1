/** Shortest secret that is masked: a single character would turn the whole log into stars. */
const MIN_SECRET_LENGTH = 2;
/** Shortest derived form: pieces below this hit ordinary text. */
const MIN_FORM_LENGTH = 4;
/** Shortest open-ended piece of base64. */
const MIN_FRAGMENT_LENGTH = 6;

/**
 * Every text under which a secret may show up in a log: itself, each of its lines, and its usual encodings (base64 at
 * the three alignments, JSON, URL, XML, shell and expression quoting, PowerShell's `&` pieces). The list of GitHub's
 * ValueEncoders, plus base64url. Basic authentication needs no form of its own: `x-access-token:` is 15 bytes, so the
 * base64 of the token alone stands in it.
 */
export function secretForms(secret: string): string[] {
  const forms = new Set<string>();
  const whole = secret.replace(/\r?\n$/, "");
  const lines = whole.split(/\r\n|\r|\n/).map((line) => line.trim());
  for (const value of new Set([secret, whole, secret.trim(), ...lines])) {
    if (value.length < MIN_SECRET_LENGTH || /[\r\n]/.test(value)) continue;
    forms.add(value);
    for (const form of textForms(value)) if (form.length >= MIN_FORM_LENGTH) forms.add(form);
  }
  // the encodings of a multi-line secret as a whole stand on one line
  for (const value of new Set([secret, whole])) {
    if (value.length < MIN_SECRET_LENGTH) continue;
    forms.add(JSON.stringify(value).slice(1, -1));
    for (const form of [encodeUri(value), ...base64Forms(value)]) if (form.length >= MIN_FORM_LENGTH) forms.add(form);
  }
  return [...forms].filter((form) => form.length >= MIN_SECRET_LENGTH && !/[\r\n]/.test(form));
}

function textForms(value: string): string[] {
  return [
    JSON.stringify(value).slice(1, -1),
    value.replaceAll('"', '\\"'),
    value.replaceAll("'", "''"),
    value.replaceAll("'", "'\\''"),
    encodeUri(value),
    encodeUri(value).replaceAll("%20", "+"),
    value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;"),
    value
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      .replaceAll("'", "&apos;"),
    ...unquoted(value),
    ...powerShellPieces(value),
    ...base64Forms(value),
  ];
}

function encodeUri(value: string): string {
  return encodeURIComponent(value.toWellFormed());
}

function unquoted(value: string): string[] {
  return value.length > 8 && value.startsWith('"') && value.endsWith('"') ? [value.slice(1, -1)] : [];
}

/** PowerShell prints an error with the part of the line around an unquoted `&`; both sides count as the secret. */
function powerShellPieces(value: string): string[] {
  if (!value.includes("&")) return [];
  return value
    .split("&")
    .flatMap((piece) => [piece, piece.slice(1)])
    .filter((piece) => piece.length >= MIN_FRAGMENT_LENGTH);
}

function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value, "utf8");
  const forms: string[] = [];
  for (const shift of [0, 1, 2]) {
    if (bytes.length <= shift) continue;
    const piece = bytes.subarray(shift);
    const encoded = piece.toString("base64");
    // the characters that stay the same whatever follows the secret
    const stable = encoded.slice(0, Math.floor((piece.length * 8) / 6));
    if (shift === 0) forms.push(encoded, encoded.replace(/=+$/, ""));
    else if (encoded.length >= MIN_FRAGMENT_LENGTH) forms.push(encoded);
    if (stable.length >= MIN_FRAGMENT_LENGTH) forms.push(stable);
  }
  return [...forms, ...forms.map((form) => form.replaceAll("+", "-").replaceAll("/", "_"))];
}
