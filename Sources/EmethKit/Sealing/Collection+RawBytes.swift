extension Collection where Element == UInt8 {
  /// Calls `body` with the bytes in one buffer: in place where they lie in one, else in a copy.
  func withRawBytes<R>(
    _ body: (UnsafeRawBufferPointer) throws(SealingError) -> R
  ) throws(SealingError) -> R {
    let inPlace = withContiguousStorageIfAvailable { buffer -> Result<R, SealingError> in
      do throws(SealingError) {
        return .success(try body(UnsafeRawBufferPointer(buffer)))
      } catch {
        return .failure(error)
      }
    }
    guard let inPlace else { return try Array(self).withRawBytes(body) }
    return try inPlace.get()
  }
}
