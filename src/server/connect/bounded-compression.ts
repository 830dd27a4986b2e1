import type { Compression } from "@connectrpc/connect/protocol";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";

/**
 * Most bytes of a compressed message when it is unpacked; gRPC's own default for any message. A few kilobytes of gzip
 * can hold millions of empty rows, each of which costs some 80 bytes of memory: the larger limits are for those who
 * send every byte. Stock runners do not compress.
 */
const LARGEST_UNPACKED = 4 * 1024 * 1024;

/** The compressions that requests may use. */
export const boundedCompressions: Compression[] = [compressionGzip, compressionBrotli].map((compression) => ({
  name: compression.name,
  compress: (bytes) => compression.compress(bytes),
  decompress: (bytes, readMaxBytes) => compression.decompress(bytes, Math.min(readMaxBytes, LARGEST_UNPACKED)),
}));
