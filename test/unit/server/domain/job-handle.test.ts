import { expect, it } from "vitest";
import { jobHandle, parseJobHandle } from "../../../../src/server/domain/job-handle.ts";

it("names an attempt of a job by a UUID and reads it back", () => {
  for (const attempt of [
    { jobId: 1, attempt: 1 },
    { jobId: Number.MAX_SAFE_INTEGER, attempt: 70_000 },
  ]) {
    const handle = jobHandle(attempt);
    expect(handle).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(parseJobHandle(handle.toUpperCase())).toEqual(attempt);
  }
});

it("knows what no job can be called", () => {
  for (const text of ["", "1", "1bd04a66-e7ae-4e8a-9edb-c3344d6deec6", "00000000-0001-8000-8fff-ffffffffffff"]) {
    expect(parseJobHandle(text)).toBeUndefined();
  }
});
