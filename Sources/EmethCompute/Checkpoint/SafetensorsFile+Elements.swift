import Foundation

extension SafetensorsFile {
  /// The types whose elements can be read as binary32 without rounding.
  public enum FloatType: String, CaseIterable, Sendable {
    /// IEEE binary32.
    case binary32 = "F32"
    /// IEEE binary16.
    case binary16 = "F16"
    /// The upper half of a binary32.
    case brain16 = "BF16"

    var byteCount: Int { self == .binary32 ? 4 : 2 }
  }

  private static let pieceElementCount = 1 << 16

  /// Copies a tensor's elements, exactly: every binary16 and bfloat16 number is a binary32 number.
  ///
  /// The pages of the file that were read are given back to the system.
  ///
  /// - Parameters:
  ///   - tensor: an entry of ``tensors``; its type must be F32, F16 or BF16 and its shape `shape`.
  ///   - target: as many elements as the shape has.
  /// - Throws: `ComputeError.malformedFile` for another type or shape, or an element that is not finite.
  public func read(
    _ tensor: Tensor, shape: [Int], into target: UnsafeMutableBufferPointer<Float>
  ) throws(ComputeError) {
    let type = try check(tensor, shape: shape)
    precondition(
      target.count * type.byteCount == tensor.byteRange.count, "the buffer does not fit the shape")
    let isFinite = data.withUnsafeBytes { bytes in
      defer { release(tensor.byteRange, of: bytes) }
      return Self.convert(UnsafeRawBufferPointer(rebasing: bytes[tensor.byteRange]), type, into: target)
    }
    if !isFinite { throw notFinite(tensor) }
  }

  /// Whether a tensor has the elements of `expected`, bit for bit once read, without holding it in memory.
  ///
  /// - Throws: as ``read(_:shape:into:)``.
  func holds(
    _ tensor: Tensor, shape: [Int], equalTo expected: UnsafeBufferPointer<Float>
  ) throws(ComputeError) -> Bool {
    let type = try check(tensor, shape: shape)
    precondition(
      expected.count * type.byteCount == tensor.byteRange.count, "the buffer does not fit the shape")
    var piece = [Float](repeating: 0, count: min(Self.pieceElementCount, expected.count))
    return data.withUnsafeBytes { bytes in
      defer { release(tensor.byteRange, of: bytes) }
      return piece.withUnsafeMutableBufferPointer { piece in
        var start = 0
        while start < expected.count {
          let count = min(piece.count, expected.count - start)
          let first = tensor.byteRange.lowerBound + start * type.byteCount
          let source = UnsafeRawBufferPointer(rebasing: bytes[first..<first + count * type.byteCount])
          let part = UnsafeMutableBufferPointer(rebasing: piece[..<count])
          _ = Self.convert(source, type, into: part)
          guard zip(part, expected[start...]).allSatisfy({ $0.bitPattern == $1.bitPattern }) else {
            return false
          }
          start += count
        }
        return true
      }
    }
  }

  private func check(_ tensor: Tensor, shape: [Int]) throws(ComputeError) -> FloatType {
    guard let type = FloatType(rawValue: tensor.type) else {
      throw .malformedFile(
        path: url.path, what: "type of \(tensor.name)", found: tensor.type, allowed: "F32, F16 or BF16")
    }
    guard tensor.shape == shape else {
      throw .malformedFile(
        path: url.path, what: "shape of \(tensor.name)", found: "\(tensor.shape)", allowed: "\(shape)")
    }
    return type
  }

  private func notFinite(_ tensor: Tensor) -> ComputeError {
    .malformedFile(
      path: url.path, what: "an element of \(tensor.name)", found: "infinite or not a number",
      allowed: "finite numbers")
  }

  /// Reads little-endian elements; false when one of them is not finite.
  private static func convert(
    _ source: UnsafeRawBufferPointer, _ type: FloatType, into target: UnsafeMutableBufferPointer<Float>
  ) -> Bool {
    var notFinite: UInt32 = 0
    func half(_ index: Int) -> UInt16 {
      UInt16(littleEndian: source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
    }
    for index in 0..<target.count {
      let word: UInt32 =
        switch type {
        case .binary32:
          UInt32(littleEndian: source.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
        case .binary16: binary32(ofBinary16: half(index))
        case .brain16: UInt32(half(index)) << 16
        }
      notFinite |= word & 0x7F80_0000 == 0x7F80_0000 ? 1 : 0
      target[index] = Float(bitPattern: word)
    }
    return notFinite == 0
  }

  /// The bits of a binary16 number as a binary32 number.
  static func binary32(ofBinary16 bits: UInt16) -> UInt32 {
    let sign = UInt32(bits & 0x8000) << 16
    let magnitude = UInt32(bits & 0x7FFF)
    if magnitude >= 0x7C00 { return sign | 0x7F80_0000 | (magnitude & 0x3FF) << 13 }
    // Below 2^-14 the number is a multiple of 2^-24, which binary32 has as an ordinary number.
    if magnitude < 0x400 { return sign | (Float(magnitude) * 0x1p-24).bitPattern }
    return sign | (magnitude << 13) + (112 << 23)
  }

  /// Lets the system drop the pages that lie wholly in `range`: they are in the file, should anybody ask
  /// again.
  private func release(_ range: Range<Int>, of bytes: UnsafeRawBufferPointer) {
    guard isMapped, let base = bytes.baseAddress else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    // A mapping begins on a page.
    let first = (range.lowerBound + page - 1) / page * page
    let last = range.upperBound / page * page
    if last > first { madvise(UnsafeMutableRawPointer(mutating: base + first), last - first, MADV_DONTNEED) }
  }
}
