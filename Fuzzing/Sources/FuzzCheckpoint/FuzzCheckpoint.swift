import EmethCompute
import Foundation

/// Any bytes: a checkpoint is read or refused, and what was read fits together.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let data = Data(bytes: bytes, count: count)
  guard let file = try? SafetensorsFile(data: data, url: URL(filePath: "input")),
    let (checkpoint, state) = try? TrainingCheckpoint.read(file, device: nil)
  else { return 0 }
  precondition(state.configuration == checkpoint.configuration && state.step == UInt64(checkpoint.step))
  precondition(checkpoint.step <= checkpoint.optimizer.totalSteps)
  precondition(12 * checkpoint.configuration.parameterCount <= count, "a state larger than its file")
  return 0
}
