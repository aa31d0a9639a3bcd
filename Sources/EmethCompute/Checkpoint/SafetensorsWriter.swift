import Foundation

/// Writes a safetensors file of binary32 tensors, one after another, never holding more than a piece of one.
///
/// The file has its name once ``finish()`` has returned, and not before.
///
/// ```swift
/// let writer = try SafetensorsWriter(url, tensors: [("a", [2, 3])], metadata: ["format": "pt"])
/// try writer.append(elements)
/// try writer.finish()
/// ```
public final class SafetensorsWriter {
  private static let pieceElementCount = 1 << 18

  private let file: WholeFile
  private let path: String
  private var counts: ArraySlice<Int>

  /// Begins a file whose tensors are given now and written in the same order.
  ///
  /// - Throws: `ComputeError.fileUnwritable`; `invalidInput` when a name is given twice.
  public init(
    _ url: URL, tensors: [(name: String, shape: [Int])], metadata: [String: String] = [:]
  ) throws(ComputeError) {
    var names: Set<[UInt8]> = []
    var header: [UInt8] = Array("{\"__metadata__\":{".utf8)
    for (index, key) in metadata.keys.sorted().enumerated() {
      if index > 0 { header += ",".utf8 }
      JSONDocument.append(string: key, to: &header)
      header += ":".utf8
      JSONDocument.append(string: metadata[key] ?? "", to: &header)
    }
    header += "}".utf8
    var offset = 0
    for (name, shape) in tensors {
      guard names.insert(Array(name.utf8)).inserted, name != "__metadata__" else {
        throw .invalidInput(what: "tensor name", found: name, allowed: "each name once")
      }
      let end = offset + 4 * shape.reduce(1, *)
      header += ",".utf8
      JSONDocument.append(string: name, to: &header)
      let extents = shape.map(String.init).joined(separator: ",")
      header += ":{\"dtype\":\"F32\",\"shape\":[\(extents)],\"data_offsets\":[\(offset),\(end)]}".utf8
      offset = end
    }
    header += "}".utf8
    // The data start at a multiple of 8, as readers that map the file want it; the format pads with spaces.
    while header.count % 8 != 0 { header.append(0x20) }
    path = url.path
    counts = tensors.map { $0.shape.reduce(1, *) }[...]
    file = try WholeFile(url)
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
    try (length + header).withUnsafeBufferPointer { bytes throws(ComputeError) in
      try file.write(UnsafeRawBufferPointer(bytes))
    }
  }

  /// Writes the next tensor, whole.
  ///
  /// - Throws: `ComputeError.fileUnwritable`, such as when the disk is full.
  public func append(_ elements: UnsafeBufferPointer<Float>) throws(ComputeError) {
    precondition(counts.first == elements.count, "tensors are written in their order, each with all elements")
    counts.removeFirst()
    guard Int(littleEndian: 1) != 1 else { return try file.write(UnsafeRawBufferPointer(elements)) }
    for start in stride(from: 0, to: elements.count, by: Self.pieceElementCount) {
      let piece = elements[start..<min(start + Self.pieceElementCount, elements.count)]
      try piece.map(\.bitPattern.littleEndian).withUnsafeBufferPointer { words throws(ComputeError) in
        try file.write(UnsafeRawBufferPointer(words))
      }
    }
  }

  /// Gives the file its name, after all tensors.
  public func finish() throws(ComputeError) {
    precondition(counts.isEmpty, "a tensor is missing")
    try file.commit()
  }
}
