import EmethCompute
import Foundation
import Testing

@Suite struct SafetensorsFileTests {
  private func file(header: String, data: Int, length: UInt64? = nil) -> [UInt8] {
    let length = length ?? UInt64(header.utf8.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * UInt64($0))) } + Array(header.utf8)
      + [UInt8](repeating: 0, count: data)
  }

  private func open(_ bytes: [UInt8]) throws -> SafetensorsFile {
    let folder = try TemporaryFolder()
    return try SafetensorsFile(contentsOf: folder.write(bytes, "file.safetensors"))
  }

  @Test func whatIsWrittenIsRead() throws {
    let folder = try TemporaryFolder()
    let url = folder.url.appendingPathComponent("file.safetensors")
    let tensors: [(name: String, shape: [Int])] = [
      ("b \"猫\"", [2, 3]), ("a", [1]), ("none", [0, 4]), ("scalar", []),
    ]
    let writer = try SafetensorsWriter(url, tensors: tensors, metadata: ["format": "pt", "a": "b"])
    var values: [[Float]] = []
    var random = try RandomInput("safetensors")
    for (_, shape) in tensors {
      var elements: [Float] = []
      for _ in 0..<shape.reduce(1, *) { elements.append(try random.float()) }
      try elements.withUnsafeBufferPointer { try writer.append($0) }
      values.append(elements)
    }
    #expect(!FileManager.default.fileExists(atPath: url.path))
    try writer.finish()
    let file = try SafetensorsFile(contentsOf: url)
    #expect(file.metadata == ["format": "pt", "a": "b"])
    #expect((file.tensors.first?.byteRange.lowerBound ?? 1) % 8 == 0)
    for (index, (name, shape)) in tensors.enumerated() {
      let tensor = try #require(file.tensors.first { $0.name == name })
      #expect(tensor.shape == shape && tensor.type == "F32")
      var elements = [Float](repeating: 0, count: values[index].count)
      try elements.withUnsafeMutableBufferPointer { try file.read(tensor, shape: shape, into: $0) }
      #expect(elements.map(\.bitPattern) == values[index].map(\.bitPattern))
    }
  }

  @Test func foreignTypesAreListedButNotRead() throws {
    let file = try open(
      file(header: #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#, data: 4))
    var elements: [Float] = [0]
    let error = #expect(throws: ComputeError.self) {
      try elements.withUnsafeMutableBufferPointer { try file.read(file.tensors[0], shape: [4], into: $0) }
    }
    #expect(error?.message.contains("type of a is U8, allowed is F32, F16 or BF16") == true)
  }

  @Test func anElementThatIsNotFiniteIsRefused() throws {
    for bits: UInt32 in [0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0x7F80_0001] {
      var bytes = file(header: #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, data: 8)
      for index in 0..<4 {
        bytes[bytes.count - 4 + index] = UInt8(truncatingIfNeeded: bits >> (8 * UInt32(index)))
      }
      let file = try open(bytes)
      var elements: [Float] = [0, 0]
      #expect(throws: ComputeError.self) {
        try elements.withUnsafeMutableBufferPointer { try file.read(file.tensors[0], shape: [2], into: $0) }
      }
    }
  }

  /// A file of one tensor "a" with these 16-bit words.
  private func file(type: String, words: [UInt16]) -> [UInt8] {
    let header =
      #"{"a":{"dtype":"\#(type)","shape":[\#(words.count)],"data_offsets":[0,\#(2 * words.count)]}}"#
    return file(header: header, data: 0) + words.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
  }

  @Test func everyFiniteHalfIsReadExactly() throws {
    let words = (0...UInt16.max).filter { $0 & 0x7C00 != 0x7C00 }
    let halves = try open(file(type: "F16", words: words))
    var elements = [Float](repeating: 0, count: words.count)
    try elements.withUnsafeMutableBufferPointer {
      try halves.read(halves.tensors[0], shape: [words.count], into: $0)
    }
    for (word, element) in zip(words, elements) {
      // By the definition: sign, 5 bits of exponent, 10 of fraction.
      let (exponent, fraction) = (Int(word >> 10 & 31), Double(word & 1023))
      let magnitude =
        exponent == 0 ? fraction * 0x1p-24 : (1024 + fraction) * pow(2, Double(exponent - 25))
      #expect(Double(element).bitPattern == (word >> 15 == 0 ? magnitude : -magnitude).bitPattern)
    }
    let upper = (0...UInt16.max).filter { $0 & 0x7F80 != 0x7F80 }
    let brains = try open(file(type: "BF16", words: upper))
    elements = [Float](repeating: 0, count: upper.count)
    try elements.withUnsafeMutableBufferPointer {
      try brains.read(brains.tensors[0], shape: [upper.count], into: $0)
    }
    #expect(elements.map(\.bitPattern) == upper.map { UInt32($0) << 16 })
  }

  @Test func aHalfThatIsNotFiniteIsRefused() throws {
    for (type, word) in [("F16", 0x7C00), ("F16", 0xFE01), ("BF16", 0x7F80), ("BF16", 0xFFC0)]
      as [(String, UInt16)]
    {
      let file = try open(file(type: type, words: [0, word]))
      var elements: [Float] = [0, 0]
      let error = #expect(throws: ComputeError.self) {
        try elements.withUnsafeMutableBufferPointer { try file.read(file.tensors[0], shape: [2], into: $0) }
      }
      #expect(error?.message.contains("an element of a is infinite or not a number") == true)
    }
  }

  private static let good = #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"#

  /// Header, bytes of data: each breaks one rule.
  @Test(arguments: [
    ("", 0), ("[]", 0), (" {}", 0), ("{}", 1), ("{} x", 0), ("{\"a\":1}", 0),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 3),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 5),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4),
    (#"{"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}"#, 4),
    (#"{"a":{"shape":[1],"data_offsets":[0,4]}}"#, 4), (#"{"a":{"dtype":"F32","data_offsets":[0,4]}}"#, 4),
    (#"{"a":{"dtype":"F32","shape":[1]}}"#, 4),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}"#, 4),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8),
    (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4),
    (#"{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}"#, 4),
    (#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, 0),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775804,9223372036854775807]}}"#, 4),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551620]}}"#, 4),
    (good + #""a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8),
    (good + #""b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 4),
    (good + #""b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#, 6),
    (good + #""b":{"dtype":"F32","shape":[1],"data_offsets":[5,9]}}"#, 9),
    (#"{"__metadata__":{"a":1}}"#, 0), (#"{"__metadata__":[]}"#, 0),
  ]) func hostileHeadersAreRefused(header: String, data: Int) {
    let error = #expect(throws: ComputeError.self) { try open(file(header: header, data: data)) }
    #expect(error?.code == "compute.malformedFile")
  }

  @Test func hostileLengthsAreRefused() {
    for length: UInt64 in [0, 1, 3, 1 << 32, 1 << 63, .max] {
      #expect(throws: ComputeError.self) { try open(file(header: "{}", data: 0, length: length)) }
    }
    for count in 0..<8 {
      #expect(throws: ComputeError.self) { try open([UInt8](repeating: 0, count: count)) }
    }
  }

  @Test func brokenFilesOnlyThrow() throws {
    let bytes = file(
      header: Self.good + #""b":{"dtype":"F32","shape":[1,2],"data_offsets":[4,12]}}"#, data: 12)
    var random = try RandomInput("broken safetensors")
    let folder = try TemporaryFolder()
    for _ in 0..<500 * RandomInput.scale {
      var broken = bytes
      broken[try random.below(bytes.count)] = UInt8(try random.below(256))
      let cut = try random.below(bytes.count + 1)
      for variant in [broken, Array(bytes[..<cut])] {
        guard let file = try? SafetensorsFile(contentsOf: folder.write(variant, "f")) else { continue }
        for tensor in file.tensors { #expect(tensor.byteRange.upperBound <= variant.count) }
      }
    }
  }

  @Test func namesAreWrittenOnce() throws {
    let folder = try TemporaryFolder()
    #expect(throws: ComputeError.self) {
      try SafetensorsWriter(folder.url.appendingPathComponent("f"), tensors: [("a", [1]), ("a", [1])])
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
  }
}
