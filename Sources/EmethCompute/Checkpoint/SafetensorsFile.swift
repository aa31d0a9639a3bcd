import Foundation

/// A safetensors file opened for reading: mapped into memory, the header checked to the last byte, tensors
/// read one at a time.
///
/// Layout: u64 little-endian header length, the header (JSON: name → dtype, shape, data_offsets), then the
/// tensors' bytes. A header is refused when it is longer than 16 MiB or than the file, names a tensor twice,
/// has an unknown type, a shape whose size is not that of its bytes, or ranges that overlap, leave gaps or
/// reach beyond the file.
///
/// ```swift
/// let file = try SafetensorsFile(contentsOf: folder.appendingPathComponent("model.safetensors"))
/// for tensor in file.tensors { print(tensor.name, tensor.type, tensor.shape) }
/// ```
public struct SafetensorsFile: Sendable {
  /// One tensor's entry.
  public struct Tensor: Sendable, Hashable {
    /// The name as written.
    public let name: String
    /// The element type as written, such as "F32".
    public let type: String
    /// Extents, the slowest first.
    public let shape: [Int]
    /// The tensor's bytes, counted from the start of the file.
    public let byteRange: Range<Int>
  }

  /// The longest header that is read: a model of the largest number of layers needs half of it, and what a
  /// hostile file can make of it stays in memory.
  public static let largestHeaderByteCount = 16 << 20

  /// The file.
  public let url: URL
  /// All tensors in ascending order of their bytes.
  public let tensors: [Tensor]
  /// The text pairs under `__metadata__`.
  public let metadata: [String: String]

  let data: Data
  /// Whether the bytes are a file's, so that they can be dropped and read again.
  let isMapped: Bool

  /// Opens a file and checks its header.
  ///
  /// - Throws: `ComputeError.fileUnreadable`, or `malformedFile` saying what in the header is refused.
  public init(contentsOf url: URL) throws(ComputeError) {
    try self.init(mapped: WholeFile.map(url), isMapped: true, url: url)
  }

  /// Checks the header of bytes at hand; `url` names them in errors.
  public init(data: Data, url: URL) throws(ComputeError) {
    // Offsets count from 0, which the indices of a slice need not.
    try self.init(mapped: data.startIndex == 0 ? data : Data(data), isMapped: false, url: url)
  }

  private init(mapped data: Data, isMapped: Bool, url: URL) throws(ComputeError) {
    let header = try Self.header(of: data, path: url.path)
    guard case .object(let members) = header.document else {
      throw .malformedFile(path: url.path, what: "header", found: header.document.brief, allowed: "an object")
    }
    var tensors: [Tensor] = []
    var metadata: [String: String] = [:]
    for (name, value) in members {
      if name == "__metadata__" {
        metadata = try Self.metadata(value, path: url.path)
      } else {
        tensors.append(try Self.tensor(name, value, start: header.end, path: url.path))
      }
    }
    tensors.sort {
      ($0.byteRange.lowerBound, $0.byteRange.upperBound) < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
    }
    var end = header.end
    for tensor in tensors {
      guard tensor.byteRange.lowerBound == end else {
        throw .malformedFile(
          path: url.path, what: "first byte of \(tensor.name)",
          found: "\(tensor.byteRange.lowerBound - header.end)",
          allowed: "\(end - header.end), where the tensor before it ends")
      }
      end = tensor.byteRange.upperBound
    }
    guard end == data.count else {
      throw .malformedFile(
        path: url.path, what: "length", found: "\(data.count) bytes", allowed: "\(end) bytes by its header")
    }
    self.url = url
    self.tensors = tensors
    self.metadata = metadata
    self.data = data
    self.isMapped = isMapped
  }

  private static func header(
    of data: Data, path: String
  ) throws(ComputeError) -> (document: JSONDocument, end: Int) {
    guard data.count >= 8 else {
      throw .malformedFile(
        path: path, what: "length", found: "\(data.count) bytes", allowed: "8 bytes or more")
    }
    let length = data.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let limit = min(largestHeaderByteCount, data.count - 8)
    guard length >= 2, length <= UInt64(limit) else {
      throw .malformedFile(path: path, what: "header length", found: "\(length)", allowed: "2 to \(limit)")
    }
    let end = 8 + Int(length)
    let bytes = [UInt8](data[8..<end])
    guard bytes.first == UInt8(ascii: "{") else {
      throw .malformedFile(
        path: path, what: "header's first byte", found: "0x" + String(bytes[0], radix: 16), allowed: "{")
    }
    return (try JSONDocument(parsing: bytes, path: path), end)
  }

  private static func metadata(_ value: JSONDocument, path: String) throws(ComputeError) -> [String: String] {
    guard case .object(let members) = value else {
      throw .malformedFile(
        path: path, what: "__metadata__", found: value.brief, allowed: "an object of texts")
    }
    var metadata: [String: String] = [:]
    for (key, value) in members {
      guard let text = value.string else {
        throw .malformedFile(path: path, what: "__metadata__ \(key)", found: value.brief, allowed: "a text")
      }
      metadata[key] = text
    }
    return metadata
  }

  private static func tensor(
    _ name: String, _ value: JSONDocument, start: Int, path: String
  ) throws(ComputeError) -> Tensor {
    func refuse(_ what: String, _ found: JSONDocument?, _ allowed: String) -> ComputeError {
      .malformedFile(
        path: path, what: "\(what) of \(name)", found: found?.brief ?? "missing", allowed: allowed)
    }
    guard let type = value["dtype"]?.string, let bits = bitsPerElement[type] else {
      throw refuse("dtype", value["dtype"], "a safetensors type")
    }
    guard case .array(let extents)? = value["shape"], extents.count <= 16 else {
      throw refuse("shape", value["shape"], "at most 16 extents")
    }
    guard case .array(let offsets)? = value["data_offsets"], offsets.count == 2,
      let first = offsets[0].integer, let last = offsets[1].integer, first >= 0, last >= first,
      last <= Int.max - start
    else { throw refuse("data_offsets", value["data_offsets"], "two ascending byte offsets") }
    var shape: [Int] = []
    var bitCount = bits
    for extent in extents {
      guard let extent = extent.integer, extent >= 0 else {
        throw refuse("shape", extent, "extents from 0 on")
      }
      let (product, overflow) = bitCount.multipliedReportingOverflow(by: extent)
      guard !overflow else { throw refuse("shape", value["shape"], "a size below 2^63 bits") }
      bitCount = product
      shape.append(extent)
    }
    guard bitCount % 8 == 0, bitCount / 8 == last - first else {
      throw .malformedFile(
        path: path, what: "bytes of \(name)", found: "\(last - first)",
        allowed: "\(bitCount / 8) for its shape \(shape) and type \(type)")
    }
    return Tensor(name: name, type: type, shape: shape, byteRange: (start + first)..<(start + last))
  }

  private static let bitsPerElement: [String: Int] = [
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16,
    "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64, "C64": 64,
  ]
}
