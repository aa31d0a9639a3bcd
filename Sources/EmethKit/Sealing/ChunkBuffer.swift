import COpenSSL

/// Room for one chunk, sealed or not, overwritten before it is freed.
final class ChunkBuffer: @unchecked Sendable {
  // Whoever owns it is the only one to use it: the streams can't be copied.
  let buffer = UnsafeMutableRawBufferPointer.allocate(
    byteCount: PayloadLayout.sealedChunkByteCount, alignment: 64)

  deinit {
    OPENSSL_cleanse(buffer.baseAddress, buffer.count)
    buffer.deallocate()
  }
}
