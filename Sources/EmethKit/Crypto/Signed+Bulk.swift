extension Signed {
  /// The contents, signed on all cores, in the order given.
  ///
  /// - Throws: `CancellationError` when the task was cancelled before the end.
  public static func signing(
    _ contents: [Content], in domain: EIP712Domain, with key: PrivateKey
  ) async throws(CancellationError) -> [Self] {
    try await concurrently(contents) { Self(signing: $0, in: domain, with: key) }
  }

  /// What is wrong with each of many, checked on all cores, in the order given; nil for what holds.
  ///
  /// - Parameters:
  ///   - signed: What to check.
  ///   - signers: Who must have signed; nil: whoever is claimed.
  ///   - domain: The domain that all must be signed for; nil: each its own.
  /// - Throws: `CancellationError` when the task was cancelled before the end.
  public static func faults(
    of signed: [Self], signers: TrustedSigners? = nil, in domain: EIP712Domain? = nil
  ) async throws(CancellationError) -> [Content.CheckError?] {
    try await concurrently(signed) { one in
      do throws(Content.CheckError) {
        try one.check(signers: signers, in: domain)
        return nil
      } catch {
        return error
      }
    }
  }

  /// The results of `body` in the order of the elements; a task takes this many at a time, about 2 ms.
  private static func concurrently<Element: Sendable, Result: Sendable>(
    _ elements: [Element], _ body: @escaping @Sendable (Element) -> Result
  ) async throws(CancellationError) -> [Result] {
    let size = 64
    let starts = stride(from: 0, to: elements.count, by: size)
    let parts = await withTaskGroup(of: (Int, [Result]).self) { group in
      for (number, start) in starts.enumerated() {
        let slice = elements[start..<min(start + size, elements.count)]
        group.addTask { (number, Task.isCancelled ? [] : slice.map(body)) }
      }
      var parts = [[Result]](repeating: [], count: starts.underestimatedCount)
      for await (number, part) in group { parts[number] = part }
      return parts
    }
    if Task.isCancelled { throw CancellationError() }
    return Array(parts.joined())
  }
}
