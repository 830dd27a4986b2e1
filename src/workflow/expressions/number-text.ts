/**
 * Text of a number as .NET's `G15` with the invariant culture: at most 15 significant digits, scientific from 1E+15 on
 * and below 1E-05 (`1E+20`, `1E-07`, `1234567890.12346`).
 */
export function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value === 0) return "0";
  const [mantissa = "", exponentText = "0"] = Math.abs(value).toExponential(14).split("e");
  const exponent = Number(exponentText);
  const digits = mantissa.replace(".", "").replace(/0+$/, "");
  return (
    (value < 0 ? "-" : "") + (exponent < -5 || exponent >= 15 ? scientific(digits, exponent) : plain(digits, exponent))
  );
}

function scientific(digits: string, exponent: number): string {
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
  const sign = exponent < 0 ? "-" : "+";
  return `${digits[0]}${fraction}E${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function plain(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const fraction = digits.slice(exponent + 1);
  return fraction === "" ? whole : `${whole}.${fraction}`;
}
