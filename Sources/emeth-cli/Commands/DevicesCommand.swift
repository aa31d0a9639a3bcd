import EmethCompute
import Foundation

extension Command {
  /// `emeth devices`: what computes here, and what is missing for more.
  static let devices = Command(
    CommandDefinition(
      "devices", section: .program, summary: "list the processors that can compute",
      discussion: [
        "All instruction sets and any number of threads give the same bits; they differ in speed. EMETH_CPU "
          + "forces one.",
        "NVIDIA's driver, its compiler NVRTC, its matrix products cuBLASLt and NCCL, which adds up the gradients "
          + "of several GPUs, are opened when they are needed. They are looked for in the folder of EMETH_CUDA_PATH, among the system's libraries, in CUDA "
          + "toolkits under /usr/local and in Python's packages, in this order.",
        "--compile translates every kernel for an architecture, without a GPU, and keeps the machine code for "
          + "later in the folder emeth/kernels of the user's cache.",
      ],
      flags: [ModelOptions.threads, compileFlag, nvrtcFlag, CommonFlags.json],
      examples: [
        CommandExample("emeth devices --json", "the same as JSON"),
        CommandExample("emeth devices --compile sm_90a", "what each kernel needs on an H200"),
      ])
  ) { parsed, context in
    var search = CUDALibrarySearch(environment: context.environment)
    if let path = parsed[nvrtcFlag] { search.explicit[.compiler] = path }
    guard let name = parsed[compileFlag] else {
      try list(parsed, context, CUDASurvey(search: search))
      return .done
    }
    guard !parsed.isGiven(ModelOptions.threads) else {
      throw UsageError.contradiction(rule: "--threads means nothing with --compile", command: "devices")
    }
    let compiler = try CUDACompiler.open(search: search)
    let kernels = try CUDAKernels(for: CUDAArchitecture(name), compiler: compiler)
    for warning in kernels.warnings { context.talk.warn(warning) }
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(CompiledKernels(kernels, compiler)))
    } else {
      try context.output.write(table(of: kernels).text(for: context.outputTerminal))
      context.talk.note(
        "\(kernels.reports.count) kernels for \(kernels.architecture) by NVRTC \(compiler.version) of "
          + "\(compiler.place.path), \(kernels.compiledCount) of \(kernels.programCount) programs compiled now"
      )
    }
    return .done
  }

  private static let compileFlag = Flag(
    "compile", .text.named("ARCHITECTURE"), absent: nil, help: "compile every kernel for it, such as sm_90a")
  private static let nvrtcFlag = Flag("nvrtc", .file, absent: "searched for", help: "NVRTC's library")

  private static func list(_ parsed: ParsedCommand, _ context: CommandContext, _ survey: CUDASurvey) throws {
    let threads = parsed[ModelOptions.threads] ?? ProcessInfo.processInfo.activeProcessorCount
    let device = try Device.cpu(threads: threads)
    let cpu = CPUDescription(
      instructionSets: Device.available, chosen: device.instructionSet, threads: device.threads)
    if parsed[CommonFlags.json] {
      let list = DeviceList(
        devices: [.cpu(cpu)] + survey.devices.map { .cuda(CUDADescription($0)) },
        cuda: LibraryList(
          driver: survey.driver, compiler: survey.compiler, products: survey.products,
          collectives: survey.collectives, problem: survey.problem))
      try context.output.write(JSONText.pretty(list))
      return
    }
    var table = TextTable([.init("device"), .init("chosen"), .init("threads", .right), .init("available")])
    table.add([
      cpu.name, cpu.chosen.rawValue, "\(cpu.threads)",
      cpu.instructionSets.map(\.rawValue).joined(separator: " "),
    ])
    for gpu in survey.devices {
      let memory = String(format: "%.0f GiB", Double(gpu.memoryBytes) / Double(1 << 30))
      table.add([
        "cuda:\(gpu.ordinal)", gpu.architecture?.name ?? "-", "-", gpu.problem ?? "\(gpu.name), \(memory)",
      ])
    }
    var text = table.text(for: context.outputTerminal) + "\n"
    var libraries = TextTable([.init("library"), .init("version"), .init("found")])
    let findings = [
      ("driver", survey.driver), ("NVRTC", survey.compiler), ("cuBLASLt", survey.products),
      ("NCCL", survey.collectives),
    ]
    for (title, finding) in findings {
      libraries.add([title, finding.version?.description ?? "-", finding.place?.path ?? "no"])
    }
    text += libraries.text(for: context.outputTerminal)
    try context.output.write(text)
    for (_, finding) in findings {
      guard let remedy = finding.remedy, let purpose = purpose(of: finding.library, survey) else { continue }
      for attempt in finding.attempts {
        // The system's loader begins with the name.
        let problem = attempt.problem ?? "found"
        let name = attempt.place.path + ": "
        context.talk.note(problem.hasPrefix(name) ? problem : name + problem)
      }
      context.talk.note("\(purpose) \(remedy)")
    }
    if let problem = survey.problem { context.talk.note(problem) }
  }

  /// What somebody who lacks the library could do with it; nil for nothing.
  private static func purpose(of library: CUDALibrary, _ survey: CUDASurvey) -> String? {
    switch library {
    case .driver, .compiler: "for NVIDIA's GPUs"
    case .products: survey.driver.version == nil ? nil : "for faster products"
    case .collectives: survey.devices.count < 2 ? nil : "to train on several GPUs together"
    }
  }

  private static func table(of kernels: CUDAKernels) -> TextTable {
    var table = TextTable([
      .init("kernel"), .init("program"), .init("registers", .right), .init("spilled", .right),
      .init("stack", .right), .init("shared", .right),
    ])
    func cell(_ number: Int?) -> String { number.map(String.init) ?? "unknown" }
    for kernel in kernels.reports {
      table.add([
        kernel.name, kernel.program, cell(kernel.registers), cell(kernel.spillStoreBytes),
        cell(kernel.stackBytes), cell(kernel.sharedBytes),
      ])
    }
    return table
  }

  private struct DeviceList: Encodable {
    var devices: [DeviceDescription]
    var cuda: LibraryList
  }

  private struct LibraryList: Encodable {
    var driver: CUDASurvey.Finding
    var compiler: CUDASurvey.Finding
    var products: CUDASurvey.Finding
    var collectives: CUDASurvey.Finding
    var problem: String?
  }

  private enum DeviceDescription: Encodable {
    case cpu(CPUDescription)
    case cuda(CUDADescription)

    func encode(to encoder: any Encoder) throws {
      switch self {
      case .cpu(let description): try description.encode(to: encoder)
      case .cuda(let description): try description.encode(to: encoder)
      }
    }
  }

  private struct CPUDescription: Encodable {
    var name = "cpu"
    var instructionSets: [InstructionSet]
    var chosen: InstructionSet
    var threads: Int
  }

  private struct CUDADescription: Encodable {
    var name: String
    var model: String
    var computeCapability: String
    var architecture: String?
    var multiprocessors: Int
    var memoryBytes: UInt64
    var problem: String?

    init(_ properties: CUDADeviceProperties) {
      name = "cuda:\(properties.ordinal)"
      model = properties.name
      computeCapability = properties.computeCapability
      architecture = properties.architecture?.name
      multiprocessors = properties.multiprocessors
      memoryBytes = properties.memoryBytes
      problem = properties.problem
    }
  }

  private struct CompiledKernels: Encodable {
    var architecture: String
    var compilerVersion: CUDALibrary.Version
    var compilerPath: String
    var programs: Int
    var compiledNow: Int
    var kernels: [CUDAKernelReport]
    var warnings: [String]

    init(_ kernels: CUDAKernels, _ compiler: CUDACompiler) {
      architecture = kernels.architecture.name
      compilerVersion = compiler.version
      compilerPath = compiler.place.path
      programs = kernels.programCount
      compiledNow = kernels.compiledCount
      self.kernels = kernels.reports
      warnings = kernels.warnings
    }
  }
}
