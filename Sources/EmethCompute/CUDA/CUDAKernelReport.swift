/// What a kernel needs on a GPU, as the compiler says.
public struct CUDAKernelReport: Sendable, Hashable, Codable {
  /// The kernel's name.
  public var name: String
  /// The file it stands in.
  public var program: String
  /// Registers of a thread; nil where the compiler did not say.
  public var registers: Int?
  /// Bytes of registers that a thread puts into memory, where they are too few.
  public var spillStoreBytes: Int?
  /// Bytes that it takes back.
  public var spillLoadBytes: Int?
  /// Bytes of a thread's own memory: arrays that are no registers, and spills.
  public var stackBytes: Int?
  /// Bytes of memory that the threads of a block share, without those given at launch.
  public var sharedBytes: Int?

  /// The kernels of a program in the log of its compilation.
  static func reports(of program: CUDAProgram, log: String) -> [CUDAKernelReport] {
    var reports = program.kernels.map { CUDAKernelReport(name: $0, program: program.name) }
    // The kernel being compiled, and whether the lines are about it or a function that it calls.
    var (kernel, isAbout): (Int?, Bool) = (nil, false)
    for line in log.split(whereSeparator: \.isNewline) {
      let words = line.split(whereSeparator: { " ,'".contains($0) })
      if let name = word(after: ["entry", "function"], in: words) {
        kernel = reports.firstIndex { $0.name == name }
        isAbout = true
      } else if let name = word(after: ["properties", "for"], in: words) {
        isAbout = kernel.map { reports[$0].name == name } ?? false
      }
      guard let kernel else { continue }
      if isAbout, let count = number(before: ["bytes", "stack", "frame"], in: words) {
        reports[kernel].stackBytes = count
        reports[kernel].spillStoreBytes = number(before: ["bytes", "spill", "stores"], in: words)
        reports[kernel].spillLoadBytes = number(before: ["bytes", "spill", "loads"], in: words)
      }
      if let count = number(before: ["registers"], in: words) {
        reports[kernel].registers = count
        // Where there is none the line does not speak of it.
        reports[kernel].sharedBytes = number(before: ["bytes", "smem"], in: words) ?? 0
      }
    }
    return reports
  }

  /// Lines of a log that warn.
  static func warnings(in log: String) -> [String] {
    log.split(whereSeparator: \.isNewline).map(String.init).filter { $0.lowercased().contains("warning") }
  }

  private static func number(before pattern: [String], in words: [Substring]) -> Int? {
    guard let at = place(of: pattern, in: words), at > 0 else { return nil }
    return Int(words[at - 1])
  }

  private static func word(after pattern: [String], in words: [Substring]) -> String? {
    guard let at = place(of: pattern, in: words), at + pattern.count < words.count else { return nil }
    return String(words[at + pattern.count])
  }

  private static func place(of pattern: [String], in words: [Substring]) -> Int? {
    guard words.count >= pattern.count else { return nil }
    return (0...(words.count - pattern.count)).first { start in
      zip(pattern, words[start...]).allSatisfy { $0 == $1 }
    }
  }
}
