using TorchSharp;

namespace Ulrl.TorchSharp.Engine;

/// <summary>libtorch's CPU threads, which are the process's, set for as long as a computation lasts.</summary>
internal readonly struct ThreadCount : IDisposable
{
    private readonly int before;

    /// <param name="threads">CPU threads; 0 to leave libtorch's own number, one per core.</param>
    public ThreadCount(int threads)
    {
        before = torch.get_num_threads();
        if (threads > 0 && threads != before) torch.set_num_threads(threads);
    }

    public void Dispose()
    {
        if (torch.get_num_threads() != before) torch.set_num_threads(before);
    }
}
