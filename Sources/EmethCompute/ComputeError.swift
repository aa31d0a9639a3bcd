/// What can go wrong in EmethCompute: one closed list, each case with the value found and what is allowed.
public enum ComputeError: Error, Equatable, Sendable {
  /// A model, optimizer, device or sampler setting is out of its range.
  case invalidConfiguration(what: String, found: String, allowed: String)
  /// Data given to a call does not fit it: token ids, sequence lengths, text, seeds.
  case invalidInput(what: String, found: String, allowed: String)
  /// Tensors whose shapes don't fit an operation.
  case shapeMismatch(operation: String, left: [Int], right: [Int], rule: String)
  /// A loss or gradient is not finite at `step` (counted from 0); the state was left as it was before.
  case notFinite(step: UInt64, tensor: String)
  /// `found` names an instruction set that this CPU lacks, or no instruction set at all.
  case unsupportedInstructionSet(found: String, available: [String])
  /// A file can't be opened or read.
  case fileUnreadable(path: String, reason: String)
  /// A file can't be created or written.
  case fileUnwritable(path: String, reason: String)
  /// A file was read, but `what` in it is not as its format demands.
  case malformedFile(path: String, what: String, found: String, allowed: String)
  /// Memory of this size was refused by the system; 0 where an operation wanted some for itself.
  case outOfMemory(bytes: Int)
  /// The work needs `needed` bytes and this machine has `available`; `fitting` says what would fit.
  case insufficientMemory(needed: Int, available: Int, fitting: String)
  /// A checkpoint's folder holds one already, of a training that was not finished.
  case checkpointExists(path: String)
  /// There is no checkpoint to go on from.
  case checkpointMissing(path: String)
  /// Another process works in a checkpoint's folder.
  case checkpointInUse(path: String)
  /// A training can't go on from its checkpoint, as `what` is no longer what it began with.
  case resumeMismatch(what: String, found: String, expected: String)
  /// The system refused to start this many threads.
  case threadsUnavailable(count: Int)
  /// None of the places of a library of NVIDIA's has one that can be used.
  case libraryUnavailable(library: CUDALibrary, attempts: [CUDALibrary.Attempt])
  /// There is no such GPU here, or it can't be used.
  case deviceUnavailable(device: String, reason: String)
  /// NVRTC refused a program.
  case kernelsNotCompiled(program: String, architecture: String, reason: String, log: String)
  /// A GPU or its driver failed; what was in its memory is lost.
  case deviceFailed(device: String, reason: String)
}

extension ComputeError {
  /// Stable identifier of the kind of error, such as `compute.notFinite`.
  public var code: String {
    switch self {
    case .invalidConfiguration: "compute.invalidConfiguration"
    case .invalidInput: "compute.invalidInput"
    case .shapeMismatch: "compute.shapeMismatch"
    case .notFinite: "compute.notFinite"
    case .unsupportedInstructionSet: "compute.unsupportedInstructionSet"
    case .fileUnreadable: "compute.fileUnreadable"
    case .fileUnwritable: "compute.fileUnwritable"
    case .malformedFile: "compute.malformedFile"
    case .outOfMemory: "compute.outOfMemory"
    case .insufficientMemory: "compute.insufficientMemory"
    case .checkpointExists: "compute.checkpointExists"
    case .checkpointMissing: "compute.checkpointMissing"
    case .checkpointInUse: "compute.checkpointInUse"
    case .resumeMismatch: "compute.resumeMismatch"
    case .threadsUnavailable: "compute.threadsUnavailable"
    case .libraryUnavailable: "compute.libraryUnavailable"
    case .deviceUnavailable: "compute.deviceUnavailable"
    case .kernelsNotCompiled: "compute.kernelsNotCompiled"
    case .deviceFailed: "compute.deviceFailed"
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .invalidConfiguration(let what, let found, let allowed):
      "\(what) is \(found), allowed is \(allowed)"
    case .invalidInput(let what, let found, let allowed):
      "\(what) is \(found), allowed is \(allowed)"
    case .shapeMismatch(let operation, let left, let right, let rule):
      "shapes of \(operation) are \(TensorShape(checked: left)) and \(TensorShape(checked: right)), "
        + "allowed is that \(rule)"
    case .notFinite(let step, let tensor):
      "\(tensor) is not finite at step \(step)"
    case .unsupportedInstructionSet(let found, let available):
      "instruction set \(found) is not available here, this CPU has \(available.joined(separator: ", "))"
    case .fileUnreadable(let path, let reason):
      "\(path) can't be read: \(reason)"
    case .fileUnwritable(let path, let reason):
      "\(path) can't be written: \(reason)"
    case .malformedFile(let path, let what, let found, let allowed):
      "\(path): \(what) is \(found), allowed is \(allowed)"
    case .outOfMemory(let bytes):
      bytes == 0 ? "there is no memory left for an operation" : "the system refused \(bytes) bytes of memory"
    case .insufficientMemory(let needed, let available, _):
      "this needs \(needed >> 20) MiB of memory, and \(available >> 20) MiB are available"
    case .checkpointExists(let path):
      "\(path) holds the checkpoint of a training that was not finished"
    case .checkpointMissing(let path):
      "there is no checkpoint in \(path)"
    case .checkpointInUse(let path):
      "another process works in \(path)"
    case .resumeMismatch(let what, let found, let expected):
      "\(what) is \(found), the checkpoint was made with \(expected)"
    case .threadsUnavailable(let count):
      "the system refused to start \(count) threads"
    case .libraryUnavailable(let library, let attempts):
      "no \(library.title) of NVIDIA's can be used: "
        + attempts.map { "\($0.place.path): \($0.problem ?? "found")" }.joined(separator: "; ")
    case .deviceUnavailable(let device, let reason):
      "\(device) can't be used: \(reason)"
    case .kernelsNotCompiled(let program, let architecture, let reason, let log):
      "\(program) can't be compiled for \(architecture): \(reason)" + (log.isEmpty ? "" : "\n" + log)
    case .deviceFailed(let device, let reason):
      "\(device) failed: \(reason)"
    }
  }

  /// What the reader can do about it, where something can be said.
  public var hint: String? {
    switch self {
    case .notFinite: "lower the learning rate, or lengthen the warm-up"
    case .unsupportedInstructionSet: "unset EMETH_CPU to take the best that this CPU has"
    case .outOfMemory: "take a smaller model, context or micro-batch"
    case .insufficientMemory(_, _, let fitting): fitting
    case .checkpointExists: "go on with it (--resume), or remove the folder to begin anew"
    case .checkpointMissing: "begin without --resume"
    case .checkpointInUse: "wait for it, or take another name"
    case .resumeMismatch: "resume with what the training began with, or begin anew"
    case .threadsUnavailable: "ask for fewer threads"
    case .libraryUnavailable(let library, _): library.remedy
    case .deviceUnavailable: "`emeth devices` lists what is here"
    case .kernelsNotCompiled: "another version of NVRTC may know the architecture"
    case .deviceFailed: "work on the CPU (--device cpu), or begin again from the last checkpoint"
    case .invalidConfiguration, .invalidInput, .shapeMismatch, .fileUnreadable, .fileUnwritable,
      .malformedFile:
      nil
    }
  }
}
