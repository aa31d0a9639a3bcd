import CEmethCompute

/// A file of kernels that is part of this library as text.
struct CUDAProgram: Sendable, Hashable {
  /// The source's number in the C library.
  let index: Int
  /// Such as `matmul.cu`.
  let name: String
  /// Its kernels.
  let kernels: [String]

  /// All of them.
  static let all: [CUDAProgram] = {
    let kernels = (0..<emeth_cuda_kernel_count()).map(emeth_cuda_kernel_at)
    return sources.enumerated().filter(\.element.is_program).map { index, source in
      let name = String(cString: source.name)
      return CUDAProgram(
        index: index, name: name,
        kernels: kernels.filter { String(cString: $0.program) + ".cu" == name }.map {
          String(cString: $0.name)
        })
    }
  }()

  /// The number of all sources, those that programs include among them.
  static let sourceCount = emeth_cuda_source_count()

  /// All that its machine code follows from, but for the compiler: its text and every text that it may include.
  var identity: [UInt8] {
    Self.sources.enumerated().filter { $0.offset == index || !$0.element.is_program }.flatMap { _, source in
      // A text has no zeros inside: they part one from another.
      Array(String(cString: source.name).utf8) + [0] + bytes(of: source) + [0]
    }
  }

  /// The text.
  var text: String { String(decoding: bytes(of: emeth_cuda_source_at(index)), as: UTF8.self) }

  private func bytes(of source: emeth_cuda_source) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: source.text, count: source.bytes))
  }

  private static var sources: [emeth_cuda_source] { (0..<sourceCount).map(emeth_cuda_source_at) }
}
